/*
 * The module cpp.core: its functions, and nothing else.
 *
 * - core.client(options): a client, see lua_client.c
 * - core.decode(text): a value from JSON text, or nil, see lua_json.c
 * - core.redact(value, limit, secrets): text of the service as it may be shown, see lua_text.c
 * - core.monotonic(): seconds on a clock that never jumps
 * - core.random(): a number in [0, 1), not from the host's generator, math.random, which is its own
 * - core.is_terminal(file): whether a file of the io library is a terminal
 * - core.begin_command(grace), core.signals(), core.terminal_size(file): see lua_command.c
 * - core.check(scope, options): raises unless they are right for "client", "call", "wait", "batch"
 * - core.snapshot(options): a copy of the caller's table, see lua_snapshot.c
 * - core.misuse(message): raises a usage error at the caller's own line, see lua_misuse.c
 * - core.hide(): the files beside the one that calls it are not the caller's own
 * - core.endpoints: the calls of the service, each with its name and method, in the table's order
 * - core.poller: "epoll" or "poll", what the module was built with
 * - core.libcurl: the version of libcurl that runs
 * - core._VERSION: the version of the package
 *
 * libcurl is not touched before the first client is made, so `require` stays quick.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "lua_binding.h"

#ifndef LCPP_VERSION
#error "LCPP_VERSION is defined by the Makefile, from lua/cpp/version.lua"
#endif

static int core_monotonic(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
  return 1;
}

static int core_is_terminal(lua_State *L) {
  const luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  lua_pushboolean(L, stream->closef != NULL && isatty(fileno(stream->f)) == 1);
  return 1;
}

static int core_random(lua_State *L) {
  uint32_t bits = 0;
  if (getentropy(&bits, sizeof bits) != 0) {
    bits = UINT32_MAX / 2; /* it only spreads retries: never a failure */
  }
  lua_pushnumber(L, (lua_Number)bits / ((lua_Number)UINT32_MAX + 1));
  return 1;
}

/* The rows of the table that are calls of the service. */
static void push_endpoints(lua_State *L) {
  lua_newtable(L);
  for (size_t i = 0; lcpp_endpoint_at(i) != NULL; i++) {
    const struct lcpp_endpoint *endpoint = lcpp_endpoint_at(i);
    if (endpoint->host == LCPP_HOST_SERVICE && endpoint->url[0].option != LCPP_OPTION_LOCATION) {
      lua_createtable(L, 0, 2);
      lua_pushstring(L, endpoint->name);
      lua_setfield(L, -2, "name");
      lua_pushstring(L, endpoint->method == LCPP_POST ? "POST" : "GET");
      lua_setfield(L, -2, "method");
      lua_rawseti(L, -2, luaL_len(L, -2) + 1);
    }
  }
}

int luaopen_cpp_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"client", lcpp_core_client},
                                       {"decode", lcpp_core_decode},
                                       {"redact", lcpp_core_redact},
                                       {"monotonic", core_monotonic},
                                       {"random", core_random},
                                       {"is_terminal", core_is_terminal},
                                       {"begin_command", lcpp_core_begin_command},
                                       {"signals", lcpp_core_signals},
                                       {"terminal_size", lcpp_core_terminal_size},
                                       {"check", lcpp_core_check},
                                       {"snapshot", lcpp_core_snapshot},
                                       {"misuse", lcpp_core_misuse},
                                       {"hide", lcpp_core_hide},
                                       {NULL, NULL}};
  luaL_checkversion(L);
  lcpp_json_open(L);
  lcpp_options_open(L);
  lcpp_client_open(L);
  lcpp_request_open(L);
  luaL_newlib(L, functions);
  push_endpoints(L);
  lua_setfield(L, -2, "endpoints");
  lua_pushstring(L, LCPP_POLLER);
  lua_setfield(L, -2, "poller");
  lua_pushstring(L, curl_version_info(CURLVERSION_NOW)->version);
  lua_setfield(L, -2, "libcurl");
  lua_pushstring(L, LCPP_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}
