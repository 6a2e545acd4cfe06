"""Make the certificates that encrypt the game out of the box; who uses them and how stays outside.

One set is three folders, each for its own readers:

    server/   cert.pem key.pem client-ca.pem   the server alone
    admin/    cert.pem key.pem                 the administrator alone
    public/   ca.pem                           every client

The CA's own key is never written: each renewal makes a new CA, and its predecessor stays trusted until it
ends, so that nobody is cut off between the renewal and the moment they load it.
"""
