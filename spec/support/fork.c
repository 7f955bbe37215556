/* fork for specs: the module that spec/support/fork.lua builds and loads. */
#include <lauxlib.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* fork() -> 0 in the child, its process id in the parent */
static int fork_here(lua_State *L) {
  fflush(NULL);
  lua_pushinteger(L, fork());
  return 1;
}

/* wait(pid) -> its exit status, or 128 and the signal that ended it */
static int wait_for(lua_State *L) {
  int status = 0;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 1;
}

/* alarm(seconds): ends the process after that time */
static int set_alarm(lua_State *L) {
  alarm((unsigned)luaL_checkinteger(L, 1));
  return 0;
}

/* leave(status): ends the process without finalisers */
static int leave(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

int luaopen_fork(lua_State *L) {
  static const luaL_Reg functions[] = {{"fork", fork_here},
                                       {"wait", wait_for},
                                       {"alarm", set_alarm},
                                       {"leave", leave},
                                       {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
