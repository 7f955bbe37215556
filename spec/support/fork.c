/* fork for specs: the module that spec/support/fork.lua builds and loads. */
#include <lauxlib.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* fork() -> 0 in the child, which ends after ten seconds; its process id in the parent */
static int fork_here(lua_State *L) {
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    alarm(10);
  }
  lua_pushinteger(L, child);
  return 1;
}

/* wait(pid) -> its exit status, or 128 and the signal that ended it */
static int wait_for(lua_State *L) {
  int status = 0;
  waitpid((pid_t)luaL_checkinteger(L, 1), &status, 0);
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 1;
}

/* leave(status): ends the process without finalisers */
static int leave(lua_State *L) {
  _exit((int)luaL_checkinteger(L, 1));
}

int luaopen_fork(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"fork", fork_here}, {"wait", wait_for}, {"leave", leave}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
