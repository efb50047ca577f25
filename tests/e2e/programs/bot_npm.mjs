// A bot on the broker's own JavaScript client, which does its exchanges itself, with secrets from
// its environment. Read from standard input by node in .e2e/npm.
import TastytradeClient from '@tastytrade/api'

const client = new TastytradeClient({
  ...TastytradeClient.SandboxConfig,
  baseUrl: process.env.TASTYTRADE_API_URL,
  clientSecret: process.env.OAUTH_CLIENT_SECRET,
  refreshToken: process.env.OAUTH_REFRESH_TOKEN,
  oauthScopes: ['read']
})
const end = Date.now() + 1000 * Number(process.env.SECONDS)
const failures = []
let calls = 0
for (; Date.now() < end; calls++) {
  try {
    await client.accountsAndCustomersService.getCustomerAccounts()
  } catch (problem) {
    failures.push(`${problem.name}: ${problem.message}`)
  }
  await new Promise(resolve => setTimeout(resolve, 1500))
}
console.log(JSON.stringify({ calls, failures }))
