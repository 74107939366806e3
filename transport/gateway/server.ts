/**
 * The HTTP server behind the gateway: limits, parsers, problems, and the registration of operations.
 *
 * G1. Whatever comes in, what goes out is an answer of an operation or problem details; a request is
 *     never left without an answer.
 */
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import { Socket } from 'node:net'
import { answerBrokenRequest, GatewayResponse, refuseConnect } from './broken-request.js'
import { DirectConnections } from './direct/direct-connections.js'
import type { GatewayContext, Operation } from './operation.js'
import { gatewayLimits as limits } from './limits.js'
import { RouteMeter } from './metrics/route-meter.js'
import type { ResolvedGatewayOptions } from './options.js'
import {
  GatewayRefusal,
  problemContentType,
  problemFor,
  problemHeaders,
  problemOf,
  type Problem,
} from './problem/problem.js'
import { readJsonBytes } from './request/json-body.js'
import { validatorCompiler } from './schemas/validation.js'
import { noQuery } from './schemas/requests.js'
import type { Caller } from './security/caller.js'
import type { Gate } from './security/gate.js'
import { authorityOf } from './security/loopback.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    meter?: RouteMeter
    /** The body may be absent: an empty one counts as `{}`. */
    bodyOptional?: boolean
  }
}

interface ServerParts {
  readonly options: ResolvedGatewayOptions
  readonly context: GatewayContext
  readonly operations: readonly Operation[]
  readonly gate: Gate
}

/** The server, and what stands before it. */
export interface GatewayServer {
  readonly app: FastifyInstance
  readonly direct: DirectConnections
}

/** Makes the server; it does not listen yet. */
export function makeServer(parts: ServerParts): GatewayServer {
  const { options, context, operations, gate } = parts
  const unmatched = new RouteMeter('*', 'unmatched')
  context.metrics.add(unmatched)
  const meters = new Map(
    operations.map((spec) => [spec.id, new RouteMeter(spec.method, spec.path)]),
  )
  for (const meter of meters.values()) context.metrics.add(meter)
  const fail = failer(options, context, unmatched)
  const app = makeApp(options, fail)
  app.setNotFoundHandler((request, reply) => {
    fail(hostProblem(request) ?? unknownRoute(operations, request), request, reply)
  })
  const streams = operations.filter(({ body }) => body?.contentType !== undefined)
  const others = operations.filter(({ body }) => body?.contentType === undefined)
  app.register((scope, _options, done) => {
    parseJson(scope)
    for (const spec of others) register(scope, spec, meters.get(spec.id)!, parts)
    done()
  })
  app.register((scope, _options, done) => {
    for (const spec of streams) {
      parseStream(scope, spec.body!.contentType!)
      register(scope, spec, meters.get(spec.id)!, parts)
    }
    done()
  })
  const direct = new DirectConnections(app.server, {
    context,
    gate,
    meter: meters.get('pay')!,
    bodyBytesMax: options.bodyBytesMax,
    headersTimeoutMs: headersTimeoutMs(options),
    keepAliveMs: options.keepAliveMs,
    report: (error, problem) => {
      reportBug(options, error, problem, { method: 'POST', url: '/v1/payments' })
    },
    timedOut: (socket) => {
      answerBrokenRequest({ name: 'Error', message: '', code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket)
    },
  })
  return { app, direct }
}

/** Node swaps the two when headers have more time than the whole request. */
function headersTimeoutMs(options: ResolvedGatewayOptions): number {
  return Math.min(limits.headersTimeoutMs, options.requestTimeoutMs)
}

/** The framework with our bounds, without routes. */
function makeApp(options: ResolvedGatewayOptions, fail: Fail): FastifyInstance {
  const app = Fastify({
    logger: false,
    bodyLimit: options.bodyBytesMax,
    requestTimeout: options.requestTimeoutMs,
    keepAliveTimeout: options.keepAliveMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: true,
    routerOptions: { maxParamLength: limits.headerBytesMax, caseSensitive: true },
    http: {
      ServerResponse: GatewayResponse,
      requireHostHeader: false,
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: headersTimeoutMs(options),
      connectionsCheckingInterval: limits.connectionCheckMs,
    },
    frameworkErrors: (error, request, reply) => {
      fail(error, request, reply)
    },
    clientErrorHandler: answerBrokenRequest,
  })
  // A client that has said all it has to say waits for its answers all the same, as on a direct connection (G1): what
  // was paid would be told nobody. Node knows it as a field of its server, and its types do not.
  Object.assign(app.server, { httpAllowHalfOpen: true })
  app.server.on('checkExpectation', (_request, response) => {
    const problem = problemOf('invalid_request', 'The header Expect must be "100-continue".')
    response.writeHead(problem.status, { 'content-type': problemContentType, connection: 'close' })
    response.end(JSON.stringify(problem))
  })
  app.server.on('connect', (_request, socket) => {
    if (socket instanceof Socket) refuseConnect(socket, options.drainMs)
    else socket.destroy()
  })
  // Set by every route before anything reads it; the slot only fixes the shape of requests.
  app.decorateRequest('caller', null as unknown as Caller)
  app.decorateRequest('startedAt', 0)
  app.removeAllContentTypeParsers()
  app.setValidatorCompiler(validatorCompiler)
  app.setErrorHandler<FastifyError>(fail)
  return app
}

type Fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

/** Answers with the problem of an error. */
function failer(
  options: ResolvedGatewayOptions,
  context: GatewayContext,
  unmatched: RouteMeter,
): Fail {
  return (error, request, reply) => {
    const problem = problemFor(error)
    reportBug(options, error, problem, request)
    const meter = request.routeOptions.config.meter ?? unmatched
    // What the framework refuses before a route is found has no such field, or the one it began with.
    meter.count(problem.status, request.startedAt || performance.now())
    if (context.draining) reply.header('connection', 'close')
    reply
      .code(problem.status)
      .headers(problemHeaders(error, problem))
      .header('content-type', problemContentType)
      .send(Buffer.from(JSON.stringify(problem)))
  }
}

/** Tells the host of the gateway what is a bug, of ours or of an actor. */
function reportBug(
  { onError }: ResolvedGatewayOptions,
  error: unknown,
  { code }: Problem,
  { method, url }: { readonly method: string; readonly url: string },
): void {
  if (code === 'internal_error' || code === 'actor_failed') onError?.(error, { method, url })
}

function register(
  scope: FastifyInstance,
  spec: Operation,
  meter: RouteMeter,
  { context, gate }: ServerParts,
): void {
  const { answer, access } = spec
  const { status } = answer
  const strict = spec.path.startsWith('/v1/')
  const streams = spec.body?.contentType !== undefined
  const optional = spec.body?.optional === true
  scope.route({
    method: spec.method,
    url: spec.path.replace(/\{(\w+)\}/g, ':$1'),
    config: { meter, bodyOptional: optional },
    schema: {
      ...(spec.params === undefined ? {} : { params: spec.params }),
      ...(strict ? { querystring: spec.query ?? noQuery } : {}),
      ...(spec.body === undefined || streams ? {} : { body: spec.body.schema }),
      ...(answer.contentType === undefined && answer.component !== 'Document'
        ? { response: { [status]: answer.schema } }
        : {}),
    },
    onRequest(request, _reply, done) {
      request.startedAt = performance.now()
      try {
        mustNameHost(request)
        if (strict && context.draining) {
          throw new GatewayRefusal('not_ready', 'The gateway is closing; ask another one.')
        }
        const host = authorityOf(request.raw.url)
        const headers = host === undefined ? request.headers : { ...request.headers, host }
        request.caller = gate.admit(headers, access)
      } catch (error) {
        done(error as Error)
        return
      }
      done()
    },
    ...(optional
      ? {
          preValidation: (request, _reply, done) => {
            // Not `??=`: a body that says null is there, and is no object.
            if (request.body === undefined) request.body = {}
            done()
          },
        }
      : {}),
    async handler(request, reply) {
      reply.code(status)
      const body: unknown = await spec.handle(request, reply, context)
      if (context.draining && !reply.raw.headersSent) reply.header('connection', 'close')
      meter.count(status, request.startedAt)
      return body
    },
  })
}

/** RFC 9112: HTTP/1.1 names the host, once. Node would refuse the first by itself, but without a problem (G1). */
function hostProblem({ headers, raw }: FastifyRequest): GatewayRefusal | undefined {
  if (headers.host === undefined) {
    return raw.httpVersion === '1.1'
      ? badHost('A request of HTTP/1.1 needs the header Host.')
      : undefined
  }
  const { rawHeaders } = raw
  let hosts = 0
  // Names and values take turns. By its length first: the few others of four letters are rare.
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') hosts++
  }
  return hosts > 1 ? badHost('A request has one header Host.') : undefined
}

function badHost(detail: string): GatewayRefusal {
  return new GatewayRefusal('invalid_request', detail, { connection: 'close' })
}

function mustNameHost(request: FastifyRequest): void {
  const problem = hostProblem(request)
  if (problem !== undefined) throw problem
}

/** JSON bodies; anything else is told what is wrong with it. */
function parseJson(scope: FastifyInstance): void {
  scope.addContentTypeParser<Buffer>(
    'application/json',
    { parseAs: 'buffer' },
    (request, body, done) => {
      if (body.length === 0 && request.routeOptions.config.bodyOptional === true) {
        done(null, {})
        return
      }
      done(null, readJsonBytes(body))
    },
  )
  scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 && request.routeOptions.config.bodyOptional === true) {
      done(null, {})
      return
    }
    // What is no JSON is `invalid_request` whatever it calls itself.
    readJsonBytes(body)
    throw new GatewayRefusal(
      'unsupported_media_type',
      'The body is JSON but is not called so: send Content-Type: application/json.',
    )
  })
}

/** Bodies that are read line by line by their operation. */
function parseStream(scope: FastifyInstance, contentType: string): void {
  scope.addContentTypeParser(contentType, (_request, payload, done) => {
    done(null, payload)
  })
  scope.addContentTypeParser('*', (_request, _payload, done) => {
    done(
      new GatewayRefusal(
        'unsupported_media_type',
        `Send the body as Content-Type: ${contentType}.`,
      ),
    )
  })
}

/** The path does not exist, or not with this method. */
function unknownRoute(operations: readonly Operation[], request: FastifyRequest): GatewayRefusal {
  const path = request.url.split('?', 1)[0] ?? ''
  const methods = new Set<string>()
  for (const spec of operations) {
    if (!new RegExp(`^${spec.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(path)) continue
    methods.add(spec.method)
    if (spec.method === 'GET') methods.add('HEAD')
  }
  if (methods.size === 0) {
    return new GatewayRefusal('not_found', 'There is no such path; see /openapi.json.')
  }
  const allow = [...methods].sort().join(', ')
  return new GatewayRefusal('method_not_allowed', `This path takes ${allow}.`, { allow })
}
