/*
 * upload NAME CERT.pem KEY.pem [ENDPOINT]
 *
 * Uploads a certificate and its key to Alibaba Cloud CAS and prints the CertId.
 *
 * libcas finds the access key where Alibaba Cloud's own tools do, for example in
 * ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or in ~/.aliyun/config.json.
 * See docs/credentials.md.
 *
 * Build:
 *   c++ -std=c++11 -Iinclude examples/cpp/upload.cpp -Ltarget/release -lcas \
 *       -Wl,-rpath,$PWD/target/release -o upload
 */
#include <exception>
#include <iostream>

#include "cas.hpp"

// Prints what failed, how to fix it, and what Alibaba Cloud's support asks for.
static void print_error(const cas::error &error)
{
    std::cerr << cas::status_name(error.status()) << ": " << error.what() << "\n";
    if (*error.hint() != '\0')
        std::cerr << "  What to do: " << error.hint() << "\n";
    if (*error.service_message() != '\0')
        std::cerr << "  The service says: " << error.service_message() << "\n";
    if (*error.request_id() != '\0')
        std::cerr << "  RequestId: " << error.request_id() << "\n";
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        std::cerr << "usage: " << argv[0] << " NAME CERT.pem KEY.pem [ENDPOINT]\n";
        return 2;
    }
    try {
        cas::config config;
        if (argc == 5)
            config.set_endpoint(argv[4]);
        config.set_log(
            [](cas_log_level, const char *message) { std::clog << message << "\n"; },
            CAS_LOG_WARN);

        cas::request request;
        request.set_name(argv[1]);
        request.load_cert_file(argv[2]);
        request.load_key_file(argv[3]);
        request.set_lang("en"); // service messages are in Chinese by default

        const cas::client client(config);
        const cas::result result = client.create_user_certificate(request);
        std::cout << "Name: " << result.name() << "\n"
                  << "CertIdentifier: " << result.cert_identifier() << "\n"
                  << "CertId: " << result.cert_id() << "\n";
    } catch (const cas::error &error) {
        print_error(error);
        return 1;
    } catch (const std::exception &error) {
        std::cerr << error.what() << "\n";
        return 1;
    }
}
