"""What the end-to-end tests share: a gateway process, upstreams that record, raw sockets, tokens, marked secrets."""
