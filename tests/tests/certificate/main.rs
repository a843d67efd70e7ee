//! Inspection of certificates and private keys before an upload.

mod allowed;
mod corpus;
mod facts;
mod findings;
mod hostile;
mod keys;
mod not_pem;
mod openssl_server;
mod pkcs12;
mod shapes;
mod sm2;
