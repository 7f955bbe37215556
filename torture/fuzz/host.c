/*
 * What a fuzz target in Lua runs in: the module itself, linked in with the fuzzer's eyes on it, in one Lua state.
 *
 * The target, <name>.lua beside this file, returns a function that is called with each input and raises when a promise
 * was broken. FUZZ_TARGET (the path of the file) and FUZZ_PACKAGE (lua/ of the tree) are defined where it is compiled.
 * https://llvm.org/docs/LibFuzzer.html
 *
 * The module `peer` is the server's end of the connections that the target's client makes, without a network: socket() and
 * connect() of this program stand before libc's, for libcurl too. A TCP socket is one end of a socket pair, connecting it
 * succeeds at once and is noted, and no name is ever resolved. So nothing that an input makes the client do leaves the
 * process, and where it wanted to go is known. (CURL_SOCKOPT_ALREADY_CONNECTED would do the same on paper; libcurl 7.88
 * does not honour it.)
 */
#include <errno.h>
#include <lauxlib.h>
#include <lualib.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int luaopen_cpp_core(lua_State *L);
int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_CONNECTIONS = 16 };

static struct connection {
  int client; /* the client's descriptor: a number to compare, it is the client who closes it */
  int server; /* owned; -1: closed */
  char address[INET6_ADDRSTRLEN + 8]; /* where it was connected to; empty: not yet */
} connections[MOST_CONNECTIONS];
static int count;

int socket(int domain, int type, int protocol) {
  if ((domain != AF_INET && domain != AF_INET6) || (type & 0xf) != SOCK_STREAM) {
    return (int)syscall(SYS_socket, domain, type, protocol);
  }
  int pair[2];
  if (count == MOST_CONNECTIONS || socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair) != 0) {
    abort();
  }
  connections[count++] = (struct connection){.client = pair[0], .server = pair[1]};
  return pair[0];
}

int connect(int fd, const struct sockaddr *to, socklen_t length) {
  for (int i = count - 1; i >= 0; i--) {
    if (connections[i].client == fd && connections[i].address[0] == '\0') {
      char host[INET6_ADDRSTRLEN], port[8];
      getnameinfo(to, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
      snprintf(connections[i].address, sizeof connections[i].address, "%s %s", host, port);
      return 0;
    }
  }
  errno = ECONNREFUSED;
  return -1;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
  (void)node;
  (void)service;
  (void)hints;
  *result = NULL;
  return EAI_NONAME;
}

/* peer.write(bytes) -> boolean: sends them over the connection made last; false when there is none, or it is full. */
static int peer_write(lua_State *L) {
  size_t length = 0;
  const char *bytes = luaL_checklstring(L, 1, &length);
  bool open = count > 0 && connections[count - 1].server >= 0;
  lua_pushboolean(L, open && (length == 0 || send(connections[count - 1].server, bytes, length, MSG_NOSIGNAL) ==
                                                 (ssize_t)length));
  return 1;
}

/* peer.finish(): ends what the server sends over the connection made last. */
static int peer_finish(lua_State *L) {
  (void)L;
  if (count > 0 && connections[count - 1].server >= 0) {
    shutdown(connections[count - 1].server, SHUT_WR);
  }
  return 0;
}

/* peer.read() -> all that the client has sent since the last call, over all connections in their order. */
static int peer_read(lua_State *L) {
  char block[4096];
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (int i = 0; i < count; i++) {
    ssize_t got = 0;
    while (connections[i].server >= 0 && (got = recv(connections[i].server, block, sizeof block, MSG_DONTWAIT)) > 0) {
      luaL_addlstring(&buffer, block, (size_t)got);
    }
  }
  luaL_pushresult(&buffer);
  return 1;
}

/* peer.addresses() -> list of where the client has connected to since the last reset: "127.0.0.1 8080". */
static int peer_addresses(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; i < count; i++) {
    lua_pushstring(L, connections[i].address);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* peer.reset(): closes the server's ends. */
static int peer_reset(lua_State *L) {
  (void)L;
  while (count > 0) {
    close(connections[--count].server);
  }
  return 0;
}

static int peer_open(lua_State *L) {
  static const luaL_Reg functions[] = {{"write", peer_write},         {"finish", peer_finish}, {"read", peer_read},
                                       {"addresses", peer_addresses}, {"reset", peer_reset},   {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}

static lua_State *L;

static int add_traceback(lua_State *state) {
  luaL_traceback(state, state, luaL_tolstring(state, 1, NULL), 1);
  return 1;
}

static void require_success(int status) {
  if (status != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    abort();
  }
}

/* Leaves the traceback function and the target's function on the stack for good. */
int LLVMFuzzerInitialize(int *count, char ***words) {
  (void)count;
  (void)words;
  L = luaL_newstate();
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_cpp_core);
  lua_setfield(L, -2, "cpp.core");
  lua_pushcfunction(L, peer_open);
  lua_setfield(L, -2, "peer");
  lua_settop(L, 0);
  lua_pushcfunction(L, add_traceback);
  require_success(luaL_loadstring(L, "package.path = '" FUZZ_PACKAGE "/?.lua;" FUZZ_PACKAGE "/?/init.lua;' .. package.path"));
  require_success(lua_pcall(L, 0, 0, 1));
  require_success(luaL_loadfile(L, FUZZ_TARGET));
  require_success(lua_pcall(L, 0, 1, 1));
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_pushvalue(L, 2);
  lua_pushlstring(L, (const char *)data, size);
  require_success(lua_pcall(L, 1, 0, 1));
  return 0;
}
