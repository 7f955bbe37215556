-- Types for editors and for doc/reference.md: a client, but for the methods of methods.lua.
---@meta _

---A client, made by cpp.client. Leaving the scope of a `<close>` variable closes it, and so does the garbage collector.
---`print` shows where its requests go and where its tokens come from, and no secret.
---@class cpp.Client
---@field core cpp.CoreClient # the C side, for loops
---@field package loop cpp.Loop
local Client = {}

---Ends everything that runs (its err has kind "closed") and frees the connections. Closing twice is fine; any other
---call afterwards raises.
---
---Page: <https://curl.se/libcurl/c/curl_multi_cleanup.html>
---
---Errors: none
---
---```lua
---local client = cpp.client { token = os.getenv "AZURE_TOKEN", base_url = os.getenv "CPP_BASE_URL" }
---client:close()
---```
function Client:close() end

---@package
---@param options? cpp.ClientOptions
---@return cpp.Client
function Client.new(options) end
