/*
 * socket_upload ENDPOINT CERT KEY CALLS [CAFILE]
 *
 * The least that the same request takes: signed by hand with OpenSSL, written to a socket in one
 * call, and a response that is searched for its length and its CertId. ENDPOINT is
 * http://HOST:PORT, or https://HOST:PORT and needs CAFILE then. Makes CALLS uploads on one
 * connection.
 *
 * It does nothing else that libcas does: no deadlines, no check that the connection is still good,
 * no checks of the certificate, no wiping of the key, no retries.
 */
#define _GNU_SOURCE /* strcasestr */
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <openssl/ssl.h>

#include "signed_form.h"

static void die(const char *what)
{
    fprintf(stderr, "socket_upload: %s\n", what);
    exit(1);
}

struct connection {
    int socket;
    SSL *tls; /* NULL without TLS */
    char host[256];
};

static void open_tls(struct connection *connection, const char *name, const char *ca_file)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || !SSL_CTX_load_verify_locations(context, ca_file, NULL))
        die("cannot load the roots");
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    connection->tls = SSL_new(context);
    if (connection->tls == NULL || !SSL_set1_host(connection->tls, name) ||
        !SSL_set_tlsext_host_name(connection->tls, name) ||
        !SSL_set_fd(connection->tls, connection->socket) || SSL_connect(connection->tls) != 1)
        die("the TLS handshake failed");
}

static void open_connection(struct connection *connection, const char *endpoint,
                            const char *ca_file)
{
    const char *authority = strstr(endpoint, "://");
    struct addrinfo hints = {0}, *addresses;
    char *colon;
    int on = 1;

    if (authority == NULL)
        die("the endpoint is no URL");
    snprintf(connection->host, sizeof connection->host, "%s", authority + 3);
    colon = strchr(connection->host, ':');
    if (colon == NULL)
        die("the endpoint has no port");
    *colon = '\0';
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(connection->host, colon + 1, &hints, &addresses) != 0)
        die("cannot resolve the host");
    connection->socket = socket(addresses->ai_family, SOCK_STREAM, 0);
    if (connection->socket < 0 ||
        connect(connection->socket, addresses->ai_addr, addresses->ai_addrlen) != 0)
        die("cannot connect");
    freeaddrinfo(addresses);
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->tls = NULL;
    if (strncmp(endpoint, "https:", 6) == 0)
        open_tls(connection, connection->host, ca_file);
    *colon = ':';
}

static void send_all(struct connection *connection, const struct buffer *request)
{
    size_t sent = 0;
    while (sent < request->length) {
        const char *at = request->at + sent;
        size_t left = request->length - sent;
        long count = connection->tls != NULL ? SSL_write(connection->tls, at, (int)left)
                                             : send(connection->socket, at, left, 0);
        if (count <= 0)
            die("cannot send");
        sent += (size_t)count;
    }
}

/* Whether the response has the length that its head says. */
static int is_complete(const struct response *response)
{
    static const char field[] = "\r\ncontent-length: ";
    const char *end = strstr(response->text, "\r\n\r\n");
    const char *length = strcasestr(response->text, field);
    if (end == NULL || length == NULL)
        return 0;
    return response->length >=
           (size_t)(end + 4 - response->text) + strtoul(length + sizeof field - 1, NULL, 10);
}

static void receive(struct connection *connection, struct response *response)
{
    response->length = 0;
    do {
        char *at = response->text + response->length;
        size_t room = sizeof response->text - 1 - response->length;
        long count = connection->tls != NULL ? SSL_read(connection->tls, at, (int)room)
                                             : recv(connection->socket, at, room, 0);
        if (count <= 0)
            die("cannot receive");
        response->length += (size_t)count;
        response->text[response->length] = '\0';
    } while (!is_complete(response));
}

int main(int argc, char **argv)
{
    static struct response response;
    struct connection connection;
    struct uploads uploads;
    struct buffer request = {NULL, 0, 0};
    long calls, i;

    if (argc != 5 && argc != 6)
        die("usage: socket_upload ENDPOINT CERT KEY CALLS [CAFILE]");
    calls = strtol(argv[4], NULL, 10);
    signal(SIGPIPE, SIG_IGN);
    start(&uploads, argv[2], argv[3]);
    open_connection(&connection, argv[1], argc == 6 ? argv[5] : NULL);

    for (i = 1; i <= calls; i++) {
        const struct buffer *form = next_form(&uploads, i);
        char head[512];
        int length = snprintf(head, sizeof head,
                              "POST / HTTP/1.1\r\nHost: %s\r\n"
                              "Content-Type: application/x-www-form-urlencoded\r\n"
                              "Content-Length: %zu\r\n\r\n",
                              connection.host, form->length);
        request.length = 0;
        append(&request, head, (size_t)length);
        append(&request, form->at, form->length);
        send_all(&connection, &request);
        receive(&connection, &response);
        if (strncmp(response.text, "HTTP/1.1 200 ", 13) != 0 || cert_id(&response) <= 0)
            die(response.text);
    }
    return 0;
}
