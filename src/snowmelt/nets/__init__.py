"""Networks, one a file; `conf/net/` names them."""
