/*
 * The module cpp.core: its functions, and nothing else.
 *
 * libcurl is not touched before the first client is made, so `require` stays quick.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "lua_binding.h"

#ifndef LCPP_VERSION
#error "LCPP_VERSION is defined by the Makefile, from lua/cpp/version.lua"
#endif

static int core_monotonic(lua_State *L) {
  lua_pushnumber(L, (lua_Number)lcpp_monotonic_us() / 1e6);
  return 1;
}

static int core_is_terminal(lua_State *L) {
  const luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  lua_pushboolean(L, stream->closef != NULL && isatty(fileno(stream->f)) == 1);
  return 1;
}

/* Not from math.random, whose sequence is the host's. */
static int core_random(lua_State *L) {
  uint32_t bits = 0;
  if (getentropy(&bits, sizeof bits) != 0) {
    bits = UINT32_MAX / 2; /* only spreads retries: not a failure */
  }
  lua_pushnumber(L, (lua_Number)bits / ((lua_Number)UINT32_MAX + 1));
  return 1;
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
  lcpp_endpoint_push(L);
  lua_setfield(L, -2, "endpoints");
  lua_pushstring(L, LCPP_POLLER);
  lua_setfield(L, -2, "poller");
  lua_pushstring(L, curl_version_info(CURLVERSION_NOW)->version);
  lua_setfield(L, -2, "libcurl");
  lua_pushstring(L, LCPP_VERSION);
  lua_setfield(L, -2, "_VERSION");
  return 1;
}
