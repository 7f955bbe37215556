/*
 * Options: the table of their names, and the values that each accepts in each place.
 *
 * Misuse is raised before anything is acquired. Messages name the option and what was expected, and
 * never show a value.
 */
#include <math.h>
#include <string.h>

#include "characters.h"
#include "lua_binding.h"
#include "redact.h"

enum type {
  TEXT,      /* a string without control characters */
  SEGMENT,   /* the same, which becomes a segment of a path */
  QUOTED,    /* the same, which is put between quotes in a query */
  PROXY,     /* the same, also percent-encoded */
  REFERENCE, /* the same, which has a scheme or begins with a slash */
  LINE,      /* printable ASCII: it becomes a header */
  SECRET,    /* any string without NUL */
  TOKEN,
  ADDRESSES,
  SECONDS,
  COUNT,    /* a whole number, 0 or more */
  POSITIVE, /* a whole number, 1 or more */
  BYTES,    /* the same, of bytes */
  FUNCTION,
  LOOP,
  BOOLEAN,
  SWITCH,
  HEADERS
};

/* The Lua types of each kind of value, and the words for it in messages. */
#define A(type) (1U << LUA_T##type)
static const struct {
  unsigned lua_types;
  const char *expected;
} kinds[] = {
    [TEXT] = {A(STRING), "a non-empty string"},
    [SEGMENT] = {A(STRING), "a non-empty string"},
    [QUOTED] = {A(STRING), "a non-empty string"},
    [PROXY] = {A(STRING), "a string"},
    [REFERENCE] = {A(STRING), "a non-empty string"},
    [LINE] = {A(STRING), "a non-empty string"},
    [SECRET] = {A(STRING), "a non-empty string"},
    [TOKEN] = {A(STRING) | A(FUNCTION), "a string or a function"},
    [ADDRESSES] = {A(STRING) | A(TABLE), "a string or a list of strings"},
    [SECONDS] = {A(NUMBER), "a number of seconds, from 0.001 to 1000000"},
    [COUNT] = {A(NUMBER), "a whole number, 0 or more"},
    [POSITIVE] = {A(NUMBER), "a whole number, 1 or more"},
    [BYTES] = {A(NUMBER), "a whole number of bytes, 1 or more"},
    [FUNCTION] = {A(FUNCTION), "a function"},
    [LOOP] = {A(TABLE),
              "cpp.loop.blocking, cpp.loop.cqueues, cpp.loop.luv or a loop with await and sleep"},
    [BOOLEAN] = {A(BOOLEAN), "a boolean"},
    [SWITCH] = {A(BOOLEAN) | A(TABLE), "a boolean or a table"},
    [HEADERS] = {A(TABLE), "a table of strings by name"},
};

/* Where an option may be given. */
enum {
  CLIENT = LCPP_OF_CLIENT,
  CALL = LCPP_OF_CALL,
  WAIT = LCPP_OF_WAIT,
  BATCH = LCPP_OF_BATCH,
  /* A client's option holds for a call, a wait and a batch when it is given there. */
  ALL = CLIENT | CALL | WAIT | BATCH
};

static const struct option {
  const char *name;
  enum type type;
  unsigned scopes;
  int most; /* bytes of a text; 0: no bound here */
} options[LCPP_OPTION_COUNT] = {
#define ROW(id, name, type, scopes, most) [LCPP_OPTION_##id] = {name, type, scopes, most},
    LCPP_OPTIONS(ROW)
#undef ROW
};

/* Registry key, by address: the table of names. */
static const char names_key;

bool lcpp_is_short_secret(size_t length) {
  return length >= LCPP_SECRETS_SHORTEST && length <= LCPP_UUID_LENGTH;
}

const char *lcpp_option_name(enum lcpp_option option) {
  return options[option].name;
}

void lcpp_options_open(lua_State *L) {
  lua_createtable(L, 0, LCPP_OPTION_COUNT);
  for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
    lua_pushinteger(L, i);
    lua_setfield(L, -2, options[i].name);
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, &names_key);
}

_Noreturn static void unknown_option(lua_State *L, const char *name) {
  const char *names[LCPP_OPTION_COUNT];
  for (int i = 0; i < LCPP_OPTION_COUNT; i++) {
    names[i] = options[i].name;
  }
  lcpp_misuse_option(L, name, names, LCPP_OPTION_COUNT);
}

bool lcpp_has_control(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (byte < 0x20 || byte == 0x7f) {
      return true;
    }
  }
  return false;
}

static bool is_ascii(const char *text) {
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text > 0x7e) {
      return false;
    }
  }
  return true;
}

static void check_length(lua_State *L, const struct option *option, size_t length) {
  if (option->most != 0 && length > (size_t)option->most) {
    lcpp_misuse(L, "%s: expected a string of at most %d bytes", option->name, option->most);
  }
}

void lcpp_check_token(lua_State *L, const char *token, size_t length) {
  static const char characters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
  size_t body = strspn(token, characters);
  size_t padding = strspn(token + body, "=");
  if (body == 0 || body + padding != length) {
    lcpp_misuse(L, "token: expected a bearer token (letters, digits and -._~+/=; RFC 6750)");
  }
  check_length(L, &options[LCPP_OPTION_TOKEN], length);
}

static void check_line(lua_State *L, const struct option *option, const char *text, size_t length) {
  if (length == 0) {
    lcpp_misuse(L, "%s: expected a non-empty string", option->name);
  }
  if (lcpp_has_control(text, length)) {
    lcpp_misuse(L, "%s: expected a string without control characters", option->name);
  }
  if (!is_ascii(text)) {
    lcpp_misuse(L, "%s: expected printable ASCII characters", option->name);
  }
  check_length(L, option, length);
}

void lcpp_check_request_id(lua_State *L, const char *id, size_t length) {
  if (id != NULL) {
    check_line(L, &options[LCPP_OPTION_CLIENT_REQUEST_ID], id, length);
  }
}

/* Whether a text holds a control character in percent-encoding. With one in the name or password of
 * a proxy's URL, libcurl 7.88 and 8.14 connect to the service without the proxy. */
static bool has_encoded_control(const char *text) {
  const char *at = strchr(text, '%');
  while (at != NULL && !((at[1] == '0' || at[1] == '1') && lcpp_hex_value(at[2]) >= 0)) {
    at = strchr(at + 1, '%');
  }
  return at != NULL;
}

/* Reads the string on top, by its length: luaL_checkstring would stop at a NUL. */
static void read_text(lua_State *L, const struct option *option, struct lcpp_value *value) {
  value->text = lua_tolstring(L, -1, &value->length);
  if (option->type == LINE) {
    check_line(L, option, value->text, value->length);
    return;
  }
  if (value->length == 0 && option->type != PROXY) {
    lcpp_misuse(L, "%s: expected a non-empty string", option->name);
  }
  check_length(L, option, value->length);
  if (option->type == SECRET ? strlen(value->text) != value->length
                             : lcpp_has_control(value->text, value->length) ||
                                   (option->type == PROXY && has_encoded_control(value->text))) {
    lcpp_misuse(L, "%s: expected a string without control characters", option->name);
  }
  if (option->type == SEGMENT &&
      (strcmp(value->text, ".") == 0 || strcmp(value->text, "..") == 0)) {
    lcpp_misuse(L, "%s: expected an identifier, not '%s'", option->name, value->text);
  }
  if (option->type == REFERENCE && strchr("/\\", value->text[0]) == NULL &&
      value->text[strcspn(value->text, ":/")] != ':') {
    lcpp_misuse(L, "%s: expected a URL, or a path that begins with /", option->name);
  }
  if (option->type == QUOTED && strchr(value->text, '\'') != NULL) {
    lcpp_misuse(L, "%s: expected a string without quotes", option->name);
  }
}

static void read_number(lua_State *L, const struct option *option, struct lcpp_value *value) {
  bool seconds = option->type == SECONDS;
  value->number = lua_tonumber(L, -1);
  double least = seconds ? 0.001 : option->type == COUNT ? 0 : 1;
  double most = seconds ? (double)LCPP_MAX_SECONDS : 1e15;
  if (!(value->number >= least && value->number <= most) || /* NaN fails the first */
      (!seconds && floor(value->number) != value->number)) {
    lcpp_misuse(L, "%s: expected %s", option->name, kinds[option->type].expected);
  }
}

/* Whether the loop on top has a field `scheduler` that is not that of a batch's loop. */
static bool has_own_scheduler(lua_State *L) {
  int type = lua_getfield(L, -1, "scheduler");
  bool own = type != LUA_TNIL;
  if (type == LUA_TTABLE) {
    own = lua_getfield(L, -1, "core") == LUA_TNIL;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return own;
}

/* Checks the loop on top. Its functions may be inherited. */
static void check_loop(lua_State *L, const struct option *option) {
  const char *expected = kinds[LOOP].expected;
  static const char *const functions[] = {"await", "sleep", "now", "release", "spawn"};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    int type = lua_getfield(L, -1, functions[i]);
    lua_pop(L, 1);
    bool may_be_absent = i >= 2;
    if (type != LUA_TFUNCTION && !(may_be_absent && type == LUA_TNIL)) {
      lcpp_misuse(L, "%s: expected %s, got a table whose %s is not a function", option->name,
                  expected, functions[i]);
    }
  }
  if (has_own_scheduler(L)) {
    lcpp_misuse(L, "%s: expected %s, got a table with a field scheduler", option->name, expected);
  }
}

static void read_value(lua_State *L, const struct option *option, struct lcpp_value *value) {
  int type = lua_type(L, -1);
  if ((kinds[option->type].lua_types & 1U << type) == 0) {
    lcpp_misuse(L, "%s: expected %s, got %s", option->name, kinds[option->type].expected,
                luaL_typename(L, -1));
  }
  value->given = true;
  switch (option->type) {
    case TOKEN:
      if (type == LUA_TSTRING) {
        value->text = lua_tolstring(L, -1, &value->length);
        lcpp_check_token(L, value->text, value->length);
      }
      return;
    case SECONDS:
    case COUNT:
    case POSITIVE:
    case BYTES:
      read_number(L, option, value);
      return;
    case LOOP:
      check_loop(L, option);
      return;
    case HEADERS:
      lcpp_headers_read(L);
      value->text = lua_tolstring(L, -1, &value->length);
      return;
    case FUNCTION:
    case BOOLEAN:
    case SWITCH:
    case ADDRESSES: /* lua_body.c reads them */
      return;
    default:
      read_text(L, option, value);
  }
}

void lcpp_read_origin(lua_State *L, struct lcpp_origin *origin, enum lcpp_reach reach,
                      const char *name, const char *text) {
  const char *why = NULL;
  enum lcpp_url_status status = lcpp_origin_parse(origin, reach, text, &why);
  if (status == LCPP_URL_MEMORY) {
    luaL_error(L, "not enough memory");
  } else if (status != LCPP_URL_OK) {
    lcpp_misuse(L, "%s: expected %s", name, why);
  }
}

long lcpp_milliseconds(const struct lcpp_value *value, long otherwise) {
  return value->given ? (long)ceil(value->number * 1000) : otherwise;
}

void lcpp_options_read(lua_State *L, int index, unsigned scope,
                       struct lcpp_value values[LCPP_OPTION_COUNT]) {
  memset(values, 0, sizeof values[0] * LCPP_OPTION_COUNT);
  if (lua_isnoneornil(L, index)) {
    return;
  }
  if (!lua_istable(L, index)) {
    lcpp_misuse(L, "expected a table of options, got %s", luaL_typename(L, index));
  }
  lcpp_reserve(L, 6 + LCPP_OPTION_COUNT);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &names_key);
  int names = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      lcpp_misuse(L, "expected option names that are strings, got a %s", luaL_typename(L, -2));
    }
    lua_pushvalue(L, -2);
    if (lua_rawget(L, names) != LUA_TNUMBER) {
      unknown_option(L, lua_tostring(L, -3));
    }
    const struct option *option = &options[lua_tointeger(L, -1)];
    lua_pop(L, 1);
    if ((option->scopes & scope) == 0) {
      static const char *const scopes[] = {
          [CLIENT] = "a client", [CALL] = "a call", [WAIT] = "wait", [BATCH] = "a batch"};
      lcpp_misuse(L, "%s: not an option of %s", option->name, scopes[scope]);
    }
    struct lcpp_value *value = &values[option - options];
    read_value(L, option, value);
    if (value->text != NULL || option->type == ADDRESSES) {
      lua_insert(L, names);
      value->index = names++;
    } else {
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

int lcpp_core_check(lua_State *L) {
  static const char *const names[] = {"client", "call", "wait", "batch", NULL};
  static const unsigned scopes[] = {CLIENT, CALL, WAIT, BATCH};
  struct lcpp_value values[LCPP_OPTION_COUNT];
  lua_settop(L, 2);
  lcpp_options_read(L, 2, scopes[luaL_checkoption(L, 1, NULL, names)], values);
  return 0;
}
