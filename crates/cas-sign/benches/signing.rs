//! Times the signature of a 6 KB upload against one bare SHA-1 over its string-to-sign.
//!
//! The two alternate, so that other load on the machine affects both; each number is the
//! median of many rounds. `benches/run.py` reads the line that is printed.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use cas_sign::{AccessKeyRef, Params, hmac_sha1};
use sha1::{Digest, Sha1};

const ROUNDS: usize = 2_001;
/// Calls in a round: enough that reading the clock does not count.
const CALLS: u32 = 10;

fn main() {
    let mut noise = Noise(1);
    // The sizes of a chain of three RSA-2048 certificates and of its key, decoded.
    let certificate: String = [1_000, 850, 820].map(|size| noise.pem("CERTIFICATE", size)).concat();
    let key = noise.pem("PRIVATE KEY", 1_218);
    let access_key = AccessKeyRef { id: "testid", secret: "testsecret", security_token: None };
    let mut params = Params::new();
    for (name, value) in [
        ("Action", "CreateUserCertificate"),
        ("Version", "2018-07-13"),
        ("Format", "JSON"),
        ("Name", "bench-1"),
        ("Cert", &certificate),
        ("Key", &key),
    ] {
        params.set(name, value);
    }

    // What every attempt of a call does: copy the operation's parameters, add the common ones,
    // sign.
    let nonce = "0123456789abcdef0123456789abcdef";
    let timestamp = "2026-01-02T03:04:05Z";
    let sign = || {
        let mut params = black_box(&params).clone();
        hmac_sha1::add_common(&mut params, access_key, nonce, timestamp);
        hmac_sha1::sign(&params, access_key.secret)
    };

    let mut signed = params.clone();
    hmac_sha1::add_common(&mut signed, access_key, nonce, timestamp);
    let string_to_sign = hmac_sha1::string_to_sign("POST", &signed);

    let mut signing = Vec::with_capacity(ROUNDS);
    let mut hashing = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        signing.push(time(sign));
        hashing.push(time(|| Sha1::digest(black_box(string_to_sign.as_bytes()))));
    }
    let (signing, hashing) = (median(signing), median(hashing));
    println!(
        "signing: {} bytes of PEM, string-to-sign of {} bytes: \
         sign {:.2} us, SHA-1 {:.2} us, ratio {:.2}",
        certificate.len() + key.len(),
        string_to_sign.len(),
        signing * 1e6,
        hashing * 1e6,
        signing / hashing,
    );
}

/// Returns the seconds that one call of `work` takes.
fn time<T>(work: impl Fn() -> T) -> f64 {
    let start = Instant::now();
    for _ in 0..CALLS {
        black_box(work());
    }
    let elapsed: Duration = start.elapsed();
    elapsed.as_secs_f64() / f64::from(CALLS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Stands in for DER, whose keys and signatures look random: base64 of it has the usual share of
/// `+` and `/`, which percent-encoding has to escape. The same in every run.
struct Noise(u32);

impl Noise {
    /// A PEM text of `size` bytes, in lines of 64 columns.
    fn pem(&mut self, label: &str, size: usize) -> String {
        const ALPHABET: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let padding = (3 - size % 3) % 3;
        let characters = size.div_ceil(3) * 4;
        let mut text = format!("-----BEGIN {label}-----");
        for column in 0..characters {
            if column % 64 == 0 {
                text.push('\n');
            }
            let next = if column < characters - padding { ALPHABET[self.six_bits()] } else { b'=' };
            text.push(char::from(next));
        }
        text + &format!("\n-----END {label}-----\n")
    }

    /// A linear congruential generator; its upper bits are the good ones.
    fn six_bits(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 26) as usize
    }
}
