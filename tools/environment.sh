# shellcheck shell=bash
# How `beffroi` and `test` get their Python packages: a virtual environment beside them, made from a lock file with hashes, wheels only.
# Everything said here goes to stderr, in French and in English; stdout belongs to the product.

stamp_of() { # LOCK -> what an environment made from it, on this kind of machine, is stamped with
    local sum
    sum=$(sha256sum <"$1")
    printf '%s %s' "$HOSTTYPE" "${sum%% *}"
}

is_ready() { # VENV LOCK: made from this very lock, and its Python still there?
    # The Python is named with its minor version (make_environment), so an upgrade of the system that takes it away shows here.
    [[ -x $1/bin/python && -r $1/stamp && $(<"$1/stamp") == "$(stamp_of "$2")" ]]
}

make_ready() { # VENV LOCK
    # shellcheck source=tools/setup.sh
    . "${BASH_SOURCE[0]%/*}/setup.sh" # a file of its own: a daily start does not read it
    set_up "$@"
}
