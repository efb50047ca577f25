// A stand-in for an MCP server of tastytrade's: it speaks JSON-RPC on its standard streams, and
// gets a token with what its environment holds before it says that it is there.
import { createInterface } from 'node:readline'

const { TASTYTRADE_CLIENT_ID, TASTYTRADE_CLIENT_SECRET, TASTYTRADE_REFRESH_TOKEN } = process.env
const { TASTYTRADE_API_URL, TASTYTRADE_ENV } = process.env

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method } = JSON.parse(line)
  if (method !== 'initialize') continue
  const answer = await fetch(`${TASTYTRADE_API_URL}/oauth/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'User-Agent': 'mcp-server/1.0' },
    body: JSON.stringify({
      grant_type: 'refresh_token',
      client_id: TASTYTRADE_CLIENT_ID,
      client_secret: TASTYTRADE_CLIENT_SECRET,
      refresh_token: TASTYTRADE_REFRESH_TOKEN
    })
  })
  const result = { status: answer.status, environment: TASTYTRADE_ENV }
  console.log(JSON.stringify({ jsonrpc: '2.0', id, result }))
  process.exit()
}
