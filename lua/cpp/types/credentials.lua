-- Types for editors and for doc/reference.md: the sources of tokens.
---@meta _

---Sources of tokens, like the credentials of azure-identity. Each function here returns a token function for the option
---`token`. Called directly, a token function blocks; it returns a token and the seconds until it expires, or nil and a
---reason. See [tokens](tokens.md).
---@class cpp.credentials
local credentials = {}

---Uses the first of these sources that returns a token: the environment, a workload identity, a managed identity, the Azure
---command line. From then on it uses only that source. This is the default of a client without credentials.
---
---```lua
---local client <close> = cpp.client { token = cpp.credentials.default(), base_url = os.getenv "CPP_BASE_URL" }
---print(assert(client:offer_status { publisher = "contoso", offer = "contoso-vm" }).state)
---```
---@return cpp.TokenFunction
function credentials.default() end

---Uses AZURE_TOKEN; or AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET or AZURE_FEDERATED_TOKEN_FILE.
---@return cpp.TokenFunction
function credentials.environment() end

---Uses the client AZURE_CLIENT_ID of the tenant AZURE_TENANT_ID, with the assertion in the file
---AZURE_FEDERATED_TOKEN_FILE. The file is read again for each token.
---@return cpp.TokenFunction
function credentials.workload_identity() end

---Uses the identity of the machine, or its user-assigned identity AZURE_CLIENT_ID. In App Service and Functions the token
---is requested from IDENTITY_ENDPOINT, with IDENTITY_HEADER; elsewhere from the instance metadata service, or from
---AZURE_POD_IDENTITY_AUTHORITY_HOST.
---@return cpp.TokenFunction
function credentials.managed_identity() end

---Uses the account that the Azure command line, `az`, is logged in with. It blocks the process while `az` runs: about a
---second, and at most 30 s if the system has timeout(1).
---@return cpp.TokenFunction
function credentials.azure_cli() end
