/*
 * Which lines of lua/cpp/ run: a line hook for every Lua state of a process.
 *
 * Loaded by LUA_INIT_5_4 into each interpreter that the specs start; coroutines inherit a hook that is set from C.
 * The process writes "file:line" to LINES_DIRECTORY/<pid> for each line when it runs first. Threads may race to set
 * the same byte to the same value.
 */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 128, LINES = 1024, NAME = 64 };

static struct file {
  char name[NAME]; /* from "lua/cpp/" on; empty: not used */
  unsigned char ran[LINES];
} files[FILES];

static void write_line(const char *name, int line) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%ld", getenv("LINES_DIRECTORY"), (long)getpid());
  FILE *out = fopen(path, "a");
  if (out != NULL) {
    fprintf(out, "%s:%d\n", name, line);
    fclose(out);
  }
}

static void on_line(lua_State *L, lua_Debug *frame) {
  lua_getinfo(L, "S", frame);
  const char *name = frame->source[0] == '@' ? strstr(frame->source, "lua/cpp/") : NULL;
  if (name == NULL || strlen(name) >= NAME || frame->currentline >= LINES) {
    return;
  }
  struct file *file = files;
  while (file->name[0] != '\0' && strcmp(file->name, name) != 0) {
    file++;
  }
  strcpy(file->name, name);
  if (file->ran[frame->currentline] == 0) {
    file->ran[frame->currentline] = 1;
    write_line(name, frame->currentline);
  }
}

int luaopen_lines(lua_State *L);

int luaopen_lines(lua_State *L) {
  lua_sethook(L, on_line, LUA_MASKLINE, 0);
  return 0;
}
