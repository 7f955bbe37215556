/*
 * The option `headers`: further header lines of a request to the service.
 *
 * A table of names and values becomes one string of lines, each with a NUL at its end. What frames
 * a message (RFC 9112), goes to proxies, carries credentials, or is another option's, is refused.
 */
#include <string.h>

#include "characters.h"
#include "lua_binding.h"

/* Whether a name is a word of that length, or begins with it if `*` follows the word. CGI (RFC
 * 3875, section 4.1.18) and similar interfaces treat `_` and `-` alike. */
static bool is_meant(const char *name, const char *word, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (lcpp_lower(name[i]) != word[i] && !(name[i] == '_' && word[i] == '-')) {
      return false;
    }
  }
  return word[length] == '*' || name[length] == '\0';
}

static bool is_reserved(const char *name) {
  static const char separators[] = " *";
  const char *word =
      "accept accept-encoding authorization connection content-* cookie cookie2 expect host "
      "http2-settings if-range keep-alive proxy-* range te trailer upgrade user-agent "
      "transfer-encoding x-ms-client-request-id";
  bool reserved = false;
  while (*word != '\0' && !reserved) {
    size_t length = strcspn(word, separators);
    reserved = is_meant(name, word, length);
    word += length;
    word += strspn(word, separators);
  }
  return reserved;
}

/* Checks the name at `index`: a token (RFC 9110, section 5.6.2). */
static const char *check_name(lua_State *L, int index) {
  static const char characters[] =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
      "abcdefghijklmnopqrstuvwxyz";
  size_t length = 0;
  if (lua_type(L, index) != LUA_TSTRING) {
    lcpp_misuse(L, "headers: expected names that are strings, got a %s", luaL_typename(L, index));
  }
  const char *name = lua_tolstring(L, index, &length);
  if (length == 0 || length > LCPP_NAME_LIMIT || strspn(name, characters) != length) {
    lcpp_misuse(L, "headers: expected names of letters, digits and dashes, of at most %d bytes",
                LCPP_NAME_LIMIT);
  }
  if (is_reserved(name)) {
    lcpp_misuse(L, "headers: '%s' cannot be given here", name);
  }
  return name;
}

/* Checks the value at `index`. libcurl would not send a line without a value, and servers drop
 * blanks around one. */
static const char *check_value(lua_State *L, int index, const char *name) {
  size_t length = 0;
  if (lua_type(L, index) != LUA_TSTRING) {
    lcpp_misuse(L, "headers: expected a string for '%s', got %s", name, luaL_typename(L, index));
  }
  const char *value = lua_tolstring(L, index, &length);
  bool usable = length > 0 && length <= LCPP_HEADER_VALUE_LIMIT && value[0] != ' ' &&
                value[length - 1] != ' ';
  for (size_t i = 0; i < length && usable; i++) {
    usable = value[i] >= 0x20 && value[i] <= 0x7e;
  }
  if (!usable) {
    lcpp_misuse(L,
                "headers: expected printable ASCII characters for '%s', at most %d, without blanks "
                "around them",
                name, LCPP_HEADER_VALUE_LIMIT);
  }
  return value;
}

void lcpp_headers_read(lua_State *L) {
  int table = lua_gettop(L);
  int count = 0;
  lcpp_reserve(L, LCPP_HEADERS_LIMIT + 8);
  for (lua_pushnil(L); lua_next(L, table) != 0; count++) {
    const char *name = check_name(L, -2);
    const char *value = check_value(L, -1, name);
    if (count == LCPP_HEADERS_LIMIT) {
      lcpp_misuse(L, "headers: expected at most %d headers", LCPP_HEADERS_LIMIT);
    }
    const char *line = lua_pushfstring(L, "%s: %s%c", name, value, 0);
    for (int i = 1; i <= count; i++) {
      if (lcpp_has_header(lua_tostring(L, table + i), line)) {
        lcpp_misuse(L, "headers: expected '%s' once", name);
      }
    }
    lua_replace(L, -2); /* the value, by its line, which is kept below the name */
    lua_insert(L, -2);
  }
  lua_concat(L, count);
  lua_replace(L, table);
}
