-- Prints as many free ports of loopback as asked for, which the system chooses: `listen.lua 3`. With "stay", it goes on
-- listening until its standard input ends and never responds, so that requests stay in flight: the kernel completes the
-- connections, nothing accepts them.

local socket = require "socket"

local listeners = {} -- open until the end, so that no port comes twice
for i = 1, tonumber(arg[1]) do
  listeners[i] = assert(socket.bind("127.0.0.1", 0, 4096))
  print((select(2, listeners[i]:getsockname())))
end
io.stdout:flush()
if arg[2] == "stay" then io.read "a" end
