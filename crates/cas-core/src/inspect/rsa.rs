//! RSA keys: reads them, and proves private keys by arithmetic.

use crypto_bigint::{BoxedUint, Limb, NonZero};
use x509_parser::asn1_rs::Tag;
use zeroize::Zeroizing;

use crate::inspect::der::Values;

/// Longest modulus in bits: OpenSSL uses no longer one (`OPENSSL_RSA_MAX_MODULUS_BITS`). It bounds
/// the arithmetic, too.
pub(super) const MAX_BITS: usize = 16 * 1024;
/// Most primes of a key that OpenSSL reads.
const MAX_PRIMES: usize = 5;

/// Numbers are big-endian, without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RsaPublicKey<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

impl<'a> RsaPublicKey<'a> {
    /// Reads an `RSAPublicKey` of PKCS#1.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut values = Values::of_sequence(der)?;
        let (modulus, exponent) = (values.next_unsigned()?, values.next_unsigned()?);
        values.is_empty().then_some(Self { modulus, exponent })
    }

    /// Size of the modulus in bits.
    pub(super) fn bits(self) -> usize {
        bits(self.modulus)
    }

    /// Whether a key can have this modulus and exponent: both are odd, and 1 < exponent < modulus.
    pub(super) fn is_possible(self) -> bool {
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let size = |number: &'a [u8]| (number.len(), number);
        is_odd(self.modulus)
            && is_odd(self.exponent)
            && self.exponent != [1]
            && size(self.exponent) < size(self.modulus)
    }
}

/// Size of a number in bits.
fn bits(number: &[u8]) -> usize {
    number.len() * 8 - number.first().map_or(0, |first| first.leading_zeros() as usize)
}

/// A private key in PKCS#1 format. Numbers are big-endian, without leading zeros.
pub(super) struct RsaPrivateKey<'a> {
    pub(super) public: RsaPublicKey<'a>,
    private_exponent: &'a [u8],
    /// q, p, then the further primes.
    factors: Vec<Factor<'a>>,
}

/// A prime of the modulus and what belongs to it.
struct Factor<'a> {
    prime: &'a [u8],
    /// The private exponent modulo prime − 1.
    exponent: &'a [u8],
    /// The inverse, modulo the prime, of the product of the primes before; `None` for the first.
    coefficient: Option<&'a [u8]>,
}

impl<'a> RsaPrivateKey<'a> {
    /// Reads an `RSAPrivateKey` of PKCS#1, which may have more than two primes.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut values = Values::of_sequence(der)?;
        let version = values.next(Tag::Integer)?;
        let mut next = || values.next_unsigned();
        let public = RsaPublicKey { modulus: next()?, exponent: next()? };
        let private_exponent = next()?;
        let (p, q) = (next()?, next()?);
        let (p_exponent, q_exponent) = (next()?, next()?);
        let mut factors = vec![
            Factor { prime: q, exponent: q_exponent, coefficient: None },
            Factor { prime: p, exponent: p_exponent, coefficient: Some(next()?) },
        ];
        match version {
            [0] => {}
            [1] => {
                let mut others = Values::new(values.next(Tag::Sequence)?);
                while !others.is_empty() && factors.len() < MAX_PRIMES {
                    let mut other = Values::new(others.next(Tag::Sequence)?);
                    let (prime, exponent) = (other.next_unsigned()?, other.next_unsigned()?);
                    let coefficient = Some(other.next_unsigned()?);
                    factors.push(Factor { prime, exponent, coefficient });
                    if !other.is_empty() {
                        return None;
                    }
                }
                if !others.is_empty() || factors.len() == 2 {
                    return None;
                }
            }
            _ => return None,
        }
        values.is_empty().then_some(Self { public, private_exponent, factors })
    }

    /// Whether the components belong together. For each prime p of the modulus, the exponents are
    /// inverses of the public one modulo p − 1, and the coefficient is the inverse of the product
    /// of the primes before it; and the product of all is the modulus. Anyone with these numbers
    /// can use the key, so nothing needs to be signed.
    ///
    /// The time depends on the lengths of the components, not on their values.
    pub(super) fn is_consistent(&self) -> bool {
        let RsaPublicKey { modulus, exponent } = self.public;
        let is_too_long = |number: &[u8]| bits(number) > MAX_BITS;
        if is_too_long(modulus)
            || is_too_long(self.private_exponent)
            || self.factors.iter().any(|factor| {
                [factor.prime, factor.exponent, factor.coefficient.unwrap_or_default()]
                    .iter()
                    .any(|number| number.len() > modulus.len())
            })
        {
            return false;
        }
        let (modulus, exponent) = (number(modulus), number(exponent));
        let private_exponent = number(self.private_exponent);
        let mut product = Zeroizing::new(BoxedUint::one());
        let mut is_consistent = true;
        for factor in &self.factors {
            let prime = number(factor.prime);
            let one_less = Zeroizing::new(prime.wrapping_sub(Limb::ONE));
            let (Some(prime), Some(one_less)) = (non_zero(prime), non_zero(one_less)) else {
                return false;
            };
            is_consistent &= are_inverse(&exponent, &number(factor.exponent), &one_less);
            is_consistent &= are_inverse(&exponent, &private_exponent, &one_less);
            if let Some(coefficient) = factor.coefficient {
                is_consistent &= are_inverse(&number(coefficient), &product, &prime);
            }
            product = multiply(&product, &prime);
        }
        is_consistent &= *product == *modulus;
        is_consistent
    }
}

/// Whether a · b ≡ 1 modulo `modulus`.
fn are_inverse(a: &BoxedUint, b: &BoxedUint, modulus: &NonZero<BoxedUint>) -> bool {
    let mut product = multiply(a, b);
    *product %= modulus;
    product.is_one().into()
}

fn non_zero(mut number: Zeroizing<BoxedUint>) -> Option<Zeroizing<NonZero<BoxedUint>>> {
    NonZero::new(std::mem::take(&mut *number)).into_option().map(Zeroizing::new)
}

/// Long multiplication: at these sizes it is as fast as the crate's, which is 18 KB of code.
fn multiply(a: &BoxedUint, b: &BoxedUint) -> Zeroizing<BoxedUint> {
    let (a, b) = (a.as_limbs(), b.as_limbs());
    let mut product = vec![Limb::ZERO; a.len() + b.len()];
    for (at, a) in a.iter().enumerate() {
        let mut carry = Limb::ZERO;
        for (b, sum) in b.iter().zip(&mut product[at..]) {
            (*sum, carry) = a.carrying_mul_add(*b, *sum, carry);
        }
        product[at + b.len()] = carry;
    }
    Zeroizing::new(product.into())
}

fn number(bytes: &[u8]) -> Zeroizing<BoxedUint> {
    let bytes = if bytes.is_empty() { &[0] } else { bytes };
    Zeroizing::new(BoxedUint::from_be_slice_vartime(bytes))
}

#[cfg(test)]
mod tests;
