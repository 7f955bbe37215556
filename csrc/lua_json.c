/*
 * JSON, by an instance of lua-cjson that belongs to this module alone (cjson.new), so that neither
 * the module nor its host changes the other's settings.
 *
 * What is added to lua-cjson: text that is not UTF-8 is refused (RFC 8259, section 8.1), `null`
 * becomes nil, numbers that are whole become Lua integers, and those beyond 2^53, which lua-cjson
 * 2.1.0 would round to a float, stay exact: they are handed to it as marked strings and made
 * integers afterwards.
 *
 * lua-cjson ends the process (exit) when memory runs out inside it, and counts bytes in an int: so
 * what it gets is bounded, and its memory is asked for before it asks itself: assure_memory.
 */
#include <lualib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "lua_binding.h"

enum { MAX_DEPTH = 64 }; /* responses of the service are about six deep */

/* An integer of fewer digits is below 2^53 and survives the way through a float. */
enum { EXACT_DIGITS = 15 };

/* Bytes of a text that is decoded. Marked, it may grow by a factor of 2.6, and has to fit an int.
 */
enum { MAX_TEXT = 512 * 1024 * 1024 };

/* What lua-cjson 2.1.0 takes from malloc beside the text itself: the head of a buffer (32 bytes),
 * and a buffer of 1023 when it is opened, which it keeps for encoding. Lua takes some as well in
 * between. */
enum { BUFFER_HEAD = 64, BUFFER = 1023, OPENING = 32 * 1024 };

/* Begins a string that stands for an integer: a byte that no UTF-8 holds, so that no text that is
 * let through, and no escape in it, can make one. */
#define MARK "\xff"

/* Registry keys, by address. */
static const char encode_key;
static const char decode_key;
static const char utf8_length_key;

/* Raises unless lua-cjson, which comes next, can have a buffer of `size` bytes: what can be had now
 * and is given back can be had again, unless another thread of the process takes it in between.
 * [-0, +0, v] */
static void assure_memory(lua_State *L, size_t size) {
  /* volatile: a compiler may leave out what is only allocated and freed. calloc: what is freed here
   * holds nothing of an earlier owner. */
  void *volatile head = calloc(1, BUFFER_HEAD);
  void *volatile buffer = calloc(1, size);
  bool both = head != NULL && buffer != NULL;
  free(buffer);
  free(head);
  if (!both) {
    luaL_error(L, "not enough memory");
  }
}

static void configure(lua_State *L, const char *function, int value, bool boolean) {
  lua_getfield(L, -1, function);
  if (boolean) {
    lua_pushboolean(L, value);
  } else {
    lua_pushinteger(L, value);
  }
  lua_call(L, 1, 0);
}

static void keep(lua_State *L, const char *function, const char *key) {
  lua_getfield(L, -1, function);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

void lcpp_json_open(lua_State *L) {
  assure_memory(L, OPENING);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "cjson");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "new");
  assure_memory(L, OPENING);
  lua_call(L, 0, 1);
  configure(L, "decode_max_depth", MAX_DEPTH, false);
  configure(L, "decode_invalid_numbers", 0, true);
  configure(L, "encode_invalid_numbers", 0, true);
  keep(L, "decode", &decode_key);
  keep(L, "encode", &encode_key);
  lua_pop(L, 2);
  /* A library table of our own: the host's may have been changed. */
  luaopen_utf8(L);
  keep(L, "len", &utf8_length_key);
  lua_pop(L, 1);
}

void lcpp_json_encode(lua_State *L, size_t text_bytes) {
  size_t needed = 6 * text_bytes + 64; /* a byte becomes six at most ("\\u0001") */
  if (needed >= BUFFER) {
    assure_memory(L, 2 * needed); /* the buffer of the instance has to grow, by doubling */
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &encode_key);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}

/* The length of the number at `text`, when it is an integer too long for a float; else 0. */
static size_t long_integer(const char *text, const char *end) {
  const char *at = text + (*text == '-');
  const char *digits = at;
  while (at < end && *at >= '0' && *at <= '9') {
    at++;
  }
  size_t length = (size_t)(at - text);
  if (at - digits <= EXACT_DIGITS || *digits == '0') {
    return 0; /* short; or a leading zero, for the decoder to refuse */
  }
  if (at < end && (*at == '.' || *at == 'e' || *at == 'E')) {
    return 0;
  }
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) {
    at++;
  }
  return at < end && *at == ':' ? 0 : length; /* as a key it is not JSON, and must not become it */
}

/* Finds the next long integer outside of strings from *at on; returns its length, 0 at the end. */
static size_t next_long_integer(const char **at, const char *end) {
  bool in_string = false;
  for (const char *p = *at; p < end; p++) {
    if (*p == '"') {
      in_string = !in_string;
    } else if (in_string) {
      p += *p == '\\';
    } else if (*p == '-' || (*p >= '0' && *p <= '9')) {
      size_t length = long_integer(p, end);
      if (length != 0) {
        *at = p;
        return length;
      }
      while (p + 1 < end && strchr("0123456789+-.eE", p[1]) != NULL) {
        p++;
      }
    }
  }
  *at = end;
  return 0;
}

/* Pushes the text with its long integers turned into marked strings. */
static void push_marked(lua_State *L, const char *text, size_t length) {
  const char *end = text + length;
  const char *at = text;
  size_t digits = next_long_integer(&at, end);
  if (digits == 0) {
    lua_pushlstring(L, text, length);
    return;
  }
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  const char *copied = text;
  while (digits != 0) {
    luaL_addlstring(&buffer, copied, (size_t)(at - copied));
    luaL_addlstring(&buffer, "\"" MARK, 2);
    luaL_addlstring(&buffer, at, digits);
    luaL_addlstring(&buffer, "\"", 1);
    at += digits;
    copied = at;
    digits = next_long_integer(&at, end);
  }
  luaL_addlstring(&buffer, copied, (size_t)(end - copied));
  luaL_pushresult(&buffer);
}

/* Replaces the value on top by what the user gets for it; false when it is no JSON value.
 * Recursion is bounded by MAX_DEPTH. */
static bool settle(lua_State *L) {
  switch (lua_type(L, -1)) {
    case LUA_TLIGHTUSERDATA: /* null */
      lua_pop(L, 1);
      lua_pushnil(L);
      return true;
    case LUA_TNUMBER: {
      lua_Number number = lua_tonumber(L, -1);
      int whole = 0;
      lua_Integer integer = lua_tointegerx(L, -1, &whole);
      if (whole != 0) {
        lua_pop(L, 1);
        lua_pushinteger(L, integer);
      }
      return isfinite(number);
    }
    case LUA_TSTRING: {
      const char *text = lua_tostring(L, -1);
      if (text[0] == MARK[0]) {
        /* Beyond 64 bits Lua makes it a float, as it does with such a numeral in a program. */
        lua_stringtonumber(L, text + 1);
        lua_remove(L, -2);
      }
      return true;
    }
    case LUA_TTABLE:
      break;
    default:
      return true;
  }
  luaL_checkstack(L, 6, "response nested too deeply");
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    int type = lua_type(L, -1);
    if (!settle(L)) {
      lua_pop(L, 2);
      return false;
    }
    if (type == LUA_TTABLE) {
      lua_pop(L, 1);
      continue;
    }
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4); /* assigning to an existing field is allowed during a traversal */
  }
  return true;
}

/* Whether the string on top is UTF-8. */
static bool is_utf8(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &utf8_length_key);
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1); /* nil at the first invalid byte, and no surrogates */
  bool valid = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return valid;
}

bool lcpp_json_decode(lua_State *L, const char *text, size_t length) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 7, "response");
  /* lua-cjson takes a NUL for the end of the text. */
  if (length == 0 || length > MAX_TEXT || memchr(text, '\0', length) != NULL) {
    return false;
  }
  /* Held here: a finaliser that runs meanwhile may close the request that has the text. */
  text = lua_pushlstring(L, text, length);
  if (!is_utf8(L)) {
    lua_settop(L, top);
    return false;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, &decode_key);
  push_marked(L, text, length);
  assure_memory(L, lua_rawlen(L, -1) + 1);
  int status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_ERRMEM) {
    lua_error(L);
  }
  if (status != LUA_OK || !settle(L)) {
    lua_settop(L, top);
    return false;
  }
  lua_remove(L, top + 1);
  return true;
}

int lcpp_core_decode(lua_State *L) {
  size_t length = 0;
  const char *text = luaL_checklstring(L, 1, &length);
  if (!lcpp_json_decode(L, text, length)) {
    lua_pushnil(L);
  }
  return 1;
}
