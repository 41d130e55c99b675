"""Events come in: `formats` turns bytes into events, whatever shape they travelled in."""
