//! Responses that nobody asked for: none of them is taken for the response to the next request.

use acceptance::{Process, Program, chain, report};

/// Responds to each request twice, in one segment and one or two records, with CertIds that count
/// up. Prints its port, and then the number of the connection for each request.
const SERVER: &str = r#"
import socket, ssl, sys, threading
chain, key, version, records, padding = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)
if version != "none":
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

class Plain:
    def __init__(self, connection):
        self.connection = connection
    def receive(self):
        return self.connection.recv(65536)
    def send(self, responses):
        self.connection.sendall(b"".join(responses))

class Tls:
    # All records leave in one call, whatever the load of the machine is.
    def __init__(self, connection):
        self.connection = connection
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.until_ready(self.session.do_handshake)
    def until_ready(self, step):
        while True:
            try:
                result = step()
                self.connection.sendall(self.outgoing.read())
                return result
            except ssl.SSLWantReadError:
                self.connection.sendall(self.outgoing.read())
                received = self.connection.recv(65536)
                self.incoming.write(received) if received else self.incoming.write_eof()
    def receive(self):
        try:
            return self.until_ready(lambda: self.session.read(65536))
        except ssl.SSLError:
            return b""
    def send(self, responses):
        for response in responses:
            self.session.write(response)
        self.connection.sendall(self.outgoing.read())

last = 0
def serve(connection, number):
    global last
    stream = Plain(connection) if version == "none" else Tls(connection)
    buffered = b""
    while True:
        while b"\r\n\r\n" not in buffered:
            received = stream.receive()
            if not received:
                return
            buffered += received
        head, buffered = buffered.split(b"\r\n\r\n", 1)
        length = int(head.lower().split(b"content-length:")[1].split()[0])
        while len(buffered) < length:
            buffered += stream.receive()
        buffered = buffered[length:]
        print(number, flush=True)
        responses = []
        for _ in range(2):
            last += 1
            body = b'{"CertId":%d%s}' % (last, b" " * int(padding))
            responses.append(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        stream.send([b"".join(responses)] if records == "one" else responses)

connections = 0
while True:
    connection, _ = listener.accept()
    connections += 1
    threading.Thread(target=serve, args=(connection, connections), daemon=True).start()
"#;

fn server(version: &str, records: &str, padding: &str) -> (Process, String) {
    let program = Program::bare("python3").args(["-W", "ignore", "-c", SERVER]);
    let mut process =
        program.args([&chain().chain, &chain().key]).args([version, records, padding]).start();
    let port = process.line().expect("the server prints its port");
    let scheme = if version == "none" { "http" } else { "https" };
    (process, format!("{scheme}://127.0.0.1:{}", port.trim()))
}

#[test]
fn a_second_response_is_not_taken_for_that_of_the_next_request() {
    let root = chain().root.to_str().unwrap();
    for (version, records) in [
        ("none", "one"),
        ("TLSv1_2", "one"),
        ("TLSv1_2", "two"),
        ("TLSv1_3", "one"),
        ("TLSv1_3", "two"),
    ] {
        // A response may fill the buffer of TLS, so that the next one is not even decrypted.
        for padding in ["0", "3950", "5000", "20000"] {
            let (mut server, url) = server(version, records, padding);
            let [cert, key] = chain().files();
            let uploads =
                report(&url, &[("CAS_CA_FILE", root)], "web", cert, key).arg("3").succeed();
            let ids: Vec<_> = uploads.lines().filter(|line| line.starts_with("cert_id=")).collect();
            assert_eq!(
                ids,
                ["cert_id=1", "cert_id=3", "cert_id=5"],
                "{version} {records} {padding}"
            );
            let connections = [(); 3].map(|()| server.line().unwrap().trim().to_owned());
            assert_eq!(connections, ["1", "2", "3"], "{version} {records} {padding}");
        }
    }
}
