/*
 * The server's end of the connections that a fuzz target's client makes, without a network: see peer.c.
 */
#ifndef FUZZ_PEER_H
#define FUZZ_PEER_H

#include <lua.h>

/* The module `peer` of the targets; its functions are described in peer.c. [-0, +1, m] */
int peer_open(lua_State *L);

#endif
