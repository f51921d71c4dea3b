// A real SMTP server for the tests: TLS from the start or by STARTTLS, AUTH, scripted refusals. It takes one argument,
// JSON: { secure, user, password, replies }. `replies` holds one [command, code, text] for each attempt, or null to take
// it; when they are used up, everything is taken. Answers are JSON lines on standard output. It ends with its input.

import PostalMime from 'postal-mime';
import selfsigned from 'selfsigned';
import { SMTPServer } from 'smtp-server';

const { secure, user, password, replies = [] } = JSON.parse(process.argv[2]);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const made = await selfsigned.generate([{ name: 'commonName', value: 'localhost' }], {
  keyType: 'ec',
  algorithm: 'sha256',
  extensions: [
    { name: 'basicConstraints', cA: false },
    { name: 'keyUsage', digitalSignature: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ],
});

const refusal = ([, code, text]) => Object.assign(new Error(text), { responseCode: code });

/** The scripted reply of this attempt, where it belongs to this command. An attempt begins with MAIL FROM. */
const scripted = (session, command) =>
  session.reply && session.reply[0] === command ? refusal(session.reply) : null;

const server = new SMTPServer({
  secure,
  key: made.private,
  cert: made.cert,
  authOptional: false,
  allowInsecureAuth: false,
  logger: false,
  disableReverseLookup: true,
  onAuth(auth, _session, callback) {
    const known = auth.username === user && auth.password === password;
    say({ event: 'auth', known });
    if (known) callback(null, { user });
    else callback(Object.assign(new Error('5.7.8 Authentication failed'), { responseCode: 535 }));
  },
  onMailFrom(_address, session, callback) {
    session.reply = replies.shift() ?? null;
    callback(scripted(session, 'MAIL'));
  },
  onRcptTo(_address, session, callback) {
    const error = scripted(session, 'RCPT');
    if (error) say({ event: 'refused', code: error.responseCode });
    callback(error);
  },
  onData(stream, session, callback) {
    const chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('end', async () => {
      const raw = Buffer.concat(chunks);
      const mail = await PostalMime.parse(raw);
      const error = scripted(session, 'DATA');
      say({
        event: error ? 'refused' : 'mail',
        code: error?.responseCode,
        secure: session.secure,
        user: session.user,
        from: session.envelope.mailFrom.address,
        to: session.envelope.rcptTo.map((recipient) => recipient.address),
        headers: Object.fromEntries(mail.headers.map(({ key, value }) => [key, value])),
        subject: mail.subject,
        text: mail.text,
        html: mail.html,
        raw: raw.toString('latin1'),
      });
      callback(error, error ? undefined : 'taken');
    });
  },
});

server.on('error', (error) => say({ event: 'error', message: String(error) }));
server.listen(0, '127.0.0.1', () =>
  say({ event: 'ready', port: server.server.address().port, certificate: made.cert }),
);

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
