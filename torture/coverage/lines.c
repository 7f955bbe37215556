/*
 * Which lines of lua/cpp/ run: a line hook for every Lua state of a process.
 *
 * Loaded by LUA_INIT_5_4 into each interpreter that the specs start; coroutines inherit a hook that is set from C.
 * At its end the process writes "file:line" for each line that ran to LINES_DIRECTORY/<pid>. Threads may race to set
 * the same byte to the same value.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 64, LINES = 1024, NAME = 64 };

static struct file {
  char name[NAME]; /* from "lua/cpp/" on; empty: not used */
  unsigned char ran[LINES];
} files[FILES];

static struct file *find(const char *name) {
  for (int i = 0; i < FILES; i++) {
    if (strcmp(files[i].name, name) == 0) {
      return &files[i];
    }
    if (files[i].name[0] == '\0' && strlen(name) < NAME) {
      strcpy(files[i].name, name);
      return &files[i];
    }
  }
  return NULL;
}

static void on_line(lua_State *L, lua_Debug *frame) {
  lua_getinfo(L, "S", frame);
  const char *name = frame->source[0] == '@' ? strstr(frame->source, "lua/cpp/") : NULL;
  struct file *file = name != NULL ? find(name) : NULL;
  if (file != NULL && frame->currentline < LINES) {
    file->ran[frame->currentline] = 1;
  }
}

static void write_lines(void) {
  char path[4096];
  const char *directory = getenv("LINES_DIRECTORY");
  snprintf(path, sizeof path, "%s/%ld", directory != NULL ? directory : ".", (long)getpid());
  FILE *out = files[0].name[0] != '\0' ? fopen(path, "a") : NULL;
  if (out == NULL) {
    return;
  }
  for (int i = 0; i < FILES; i++) {
    for (int line = 0; line < LINES; line++) {
      if (files[i].ran[line] != 0) {
        fprintf(out, "%s:%d\n", files[i].name, line);
      }
    }
  }
  fclose(out);
}

int luaopen_lines(lua_State *L);

int luaopen_lines(lua_State *L) {
  static bool opened;
  if (!opened) {
    opened = true;
    atexit(write_lines);
  }
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
  return 0;
}
