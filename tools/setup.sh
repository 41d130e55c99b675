# shellcheck shell=bash
# The first start, and the first after an upgrade: make an environment. Sourced by environment.sh only when there is something to do.

set_up() { # VENV LOCK
    local folder name=${1##*/} venv lock=$2 what="Beffroi"
    folder=$(cd -- "${1%/*}" && pwd)
    venv=$folder/$name
    [[ -w $folder ]] || give_up \
        "le dossier $folder n'est pas modifiable, or la mise en place doit y écrire ; copiez Beffroi dans un dossier à vous, ou lancez-le avec sudo." \
        "the folder $folder cannot be written, and setting up has to; copy Beffroi to a folder of yours, or start it with sudo."
    (($(df --output=avail --block-size=1M "$folder" | tail -n 1) >= 500)) || disk_is_full
    exec 9<"$folder"
    if ! wait_for_others && is_ready "$venv" "$lock"; then
        exec 9<&-
        return
    fi

    [[ $name != *-test ]] || what="Beffroi (tests)"
    say "$what se met en place (une fois, environ une minute)…" "$what is setting itself up (once, about a minute)…"
    find_python
    make_environment "$venv" "$lock"
    exec 9<&- # gives the lock back
    say "C'est prêt." "Ready."
}

wait_for_others() { # one set-up at a time; fails when it had to wait for another one
    # The lock is on the folder itself (9), so nothing is left behind; it also holds while a killed set-up's pip still runs.
    # A network drive without locks is used without.
    local status=0
    flock --nonblock 9 2>/dev/null || status=$?
    ((status == 1)) || return 0
    say "Une autre mise en place est en cours, encore un instant…" "Another set-up is under way, one moment…"
    flock 9
    return 1
}

find_python() { # sets `python` to a CPython 3.11-3.13 that can make environments; installs what is missing, or names it
    local missing=()
    look_for_python || missing+=(python3 python3-venv)
    certificates_are_there || missing+=(ca-certificates)
    ((${#missing[@]} == 0)) || install_packages "${missing[@]}"
}

look_for_python() {
    local candidates candidate
    # The system's own first: it gets the system's security updates, and distributions build it with optimisations that cost others
    # a fifth more time.
    mapfile -t candidates < <(PATH=/usr/bin:$PATH type -aP python3 python3.13 python3.12 python3.11)
    for candidate in "${candidates[@]}"; do
        # Debian keeps ensurepip in python3-venv, so importing it is the test. The real path of the interpreter carries
        # its minor version (/usr/bin/python3.11): when an upgrade of the system removes it, is_ready notices.
        python=$("$candidate" -I -c '
import ensurepip, os, sys, venv
assert (3, 11) <= sys.version_info < (3, 14) and sys.implementation.name == "cpython"
print(os.path.realpath(sys._base_executable))' 2>/dev/null) && return
    done
    return 1
}

certificates_are_there() { # what pip needs to trust the package index on Debian, unless somebody set their own
    [[ ! -x /usr/bin/apt-get || -e /etc/ssl/certs/ca-certificates.crt || -n ${PIP_CERT:-}${SSL_CERT_FILE:-} ]]
}

install_packages() { # Debian's packages for what a bare system lacks
    local output
    if [[ $EUID -ne 0 || ! -x /usr/bin/apt-get ]]; then
        give_up "il manque un Python 3.11 à 3.13 complet ou des certificats ; sous Debian ou Ubuntu, tapez : sudo apt install $*" \
            "a complete Python 3.11 to 3.13 or certificates are missing; on Debian or Ubuntu, type: sudo apt install $*"
    fi
    say "Il manque $* : apt-get l'installe…" "Missing: $*; apt-get installs it…"
    output=$({ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"; } 2>&1 </dev/null) || true
    # What counts is what is there now: another package's trouble also makes apt-get fail.
    look_for_python && certificates_are_there && return
    tail -n 5 <<<"$output" >&2
    give_up "apt-get n'a pas pu installer Python 3.11, 3.12 ou 3.13 ; vérifiez la connexion à Internet et la version du système (Debian 12 ou 13)." \
        "apt-get could not install Python 3.11, 3.12 or 3.13; check the internet connection and the system's version (Debian 12 or 13)."
}

make_environment() { # VENV LOCK: made beside its place, stamped, then renamed into it, so that being killed at any moment does no harm
    local venv=$1 lock=$2 new=$1.new old=$1.old output
    rm -rf "$new" "$old" || give_up \
        "les restes d'une mise en place précédente appartiennent à quelqu'un d'autre ; tapez : sudo rm -r $new $old" \
        "what is left of an earlier set-up belongs to somebody else; type: sudo rm -r $new $old"
    output=$(fill "$new" "$lock" 2>&1 </dev/null) || {
        rm -rf "$new"
        explain "$output"
    }
    # Started with sudo in somebody's folder: it stays theirs to renew and to delete.
    [[ $EUID -ne 0 ]] || chown -R --reference="${venv%/*}" "$new" "${venv%/*}/src"
    [[ ! -e $venv ]] || mv -T "$venv" "$old"
    mv -T "$new" "$venv" # scripts in bin/ keep the old path; Beffroi starts everything with `python -m`
    rm -rf "$old" || true # the new one is in place; another time, then
}

fill() { # VENV LOCK
    # pip's temporary files go onto the same disk: /tmp is small on small machines.
    "$python" -I -m venv "$1" && mkdir "$1/tmp" &&
        PIP_USER=0 TMPDIR=$1/tmp "$1/bin/python" -I -m pip install --quiet --no-input --disable-pip-version-check \
            --require-hashes --only-binary :all: --requirement "$2" &&
        rm -r "$1/tmp" &&
        # The product itself is our own folder, by a relative path so that everything may be moved; compiled now, because
        # a service that may not write here has to start as fast. A file somebody is in the middle of writing is left out.
        echo ../../../../src >"$(echo "$1"/lib/python3.*/site-packages)/beffroi.pth" &&
        { "$1/bin/python" -I -m compileall -q "${1%/*}/src" || true; } &&
        stamp_of "$2" >"$1/stamp"
}

explain() { # OUTPUT of what failed -> one sentence in each language
    case $1 in
    *"No space left"* | *"quota exceeded"*) disk_is_full ;;
    *"DO NOT MATCH THE HASHES"*) give_up \
        "un paquet reçu n'est pas celui qui était attendu, rien n'a été installé ; réessayez depuis un autre réseau." \
        "a package received is not the one expected, nothing was installed; try again from another network." ;;
    *CERTIFICATE_VERIFY_FAILED*) give_up \
        "la connexion sécurisée aux paquets a été refusée ; vérifiez l'heure de l'ordinateur et, derrière un proxy, son certificat." \
        "the secure connection to the packages was refused; check the computer's clock and, behind a proxy, its certificate." ;;
    *NewConnectionError* | *NameResolutionError* | *ConnectTimeout* | *ReadTimeout* | *ProxyError* | *"Connection"*) give_up \
        "les paquets n'ont pas pu être téléchargés ; vérifiez la connexion à Internet et relancez." \
        "the packages could not be downloaded; check the internet connection and start again." ;;
    *"No matching distribution"*) give_up \
        "les paquets n'existent pas pour cette machine ($MACHTYPE) ; il faut un Linux x86-64 ou ARM 64 bits comme Debian 12 ou 13." \
        "there are no packages for this machine ($MACHTYPE); a Linux on x86-64 or 64-bit ARM such as Debian 12 or 13 is needed." ;;
    esac
    printf '%s\n' "$1" >&2
    give_up "la mise en place n'a pas réussi, pour la raison ci-dessus." "setting up did not succeed, for the reason above."
}

disk_is_full() {
    give_up "le disque est plein ; il faut 500 Mo libres." "the disk is full; 500 MB of free space are needed."
}

say() { # FRENCH ENGLISH
    printf '%s\n' "$@" >&2
}

give_up() { # FRENCH ENGLISH
    say "beffroi: $1" "beffroi: $2"
    exit 2
}
