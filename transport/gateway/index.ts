/** The payment domain over HTTP: `suanpan/gateway`. */
export { createGateway } from './gateway.js'
export { runtimeOps } from './ops-view.js'
export { httpCodes } from './problem/codes.js'
export { generateApiKey, readApiKeyFile } from './security/api-keys.js'
export { GatewayConfigError } from './security/gateway-config-error.js'

export type { Gateway } from './gateway.js'
export type { GatewayOptions } from './options.js'
export type { OpsMetric, OpsView } from './ops-view.js'
export type { Code, GatewayCode } from './problem/codes.js'
export type { Problem } from './problem/problem.js'
export type { ApiKeyRecord, ApiKeyScope, NewApiKey } from './security/api-keys.js'
export type { GatewayConfigCode } from './security/gateway-config-error.js'
