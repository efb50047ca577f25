// The broker's own JavaScript client refreshes and lists accounts. Read from standard input by
// node in .e2e/npm. Nothing of it is replaced; baseUrl is part of its public configuration.
import TastytradeClient from '@tastytrade/api'

const { BASE_URL, CLIENT_SECRET, REFRESH_TOKEN, ENVIRONMENT } = process.env
const settings = ENVIRONMENT === 'sandbox' ? TastytradeClient.SandboxConfig : TastytradeClient.ProdConfig
const client = new TastytradeClient({
  ...settings,
  ...(BASE_URL ? { baseUrl: BASE_URL } : {}),
  clientSecret: CLIENT_SECRET,
  refreshToken: REFRESH_TOKEN,
  oauthScopes: ['read', 'trade']
})
let answer
try {
  const items = await client.accountsAndCustomersService.getCustomerAccounts()
  answer = {
    access_token: client.accessToken.token,
    expires_in: client.accessToken.expiresIn,
    accounts: items.map(item => item.account['account-number'])
  }
} catch (problem) {
  answer = {
    raised: problem.name,
    code: problem.code,
    message: problem.message,
    status: problem.response?.status,
    body: problem.response?.data
  }
}
console.log(JSON.stringify(answer))
