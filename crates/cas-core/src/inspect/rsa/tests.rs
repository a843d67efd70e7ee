use crypto_bigint::{ConcatenatingMul, Resize};

use super::*;

/// A key of these primes, as OpenSSL computes it: version, modulus, exponents, primes, and for each
/// further prime three numbers more.
fn key(exponent: u64, primes: &[BoxedUint]) -> Vec<Vec<u8>> {
    let exponent = BoxedUint::from(exponent);
    let less_one = |prime: &BoxedUint| prime.wrapping_sub(BoxedUint::one());
    let inverse = |number: &BoxedUint, modulus: &BoxedUint| {
        let precision = modulus.bits_precision().max(number.bits_precision());
        let modulus = NonZero::new(modulus.clone().resize(precision)).unwrap();
        number.clone().resize(precision).invert_mod(&modulus).unwrap()
    };
    let product = |numbers: &[BoxedUint]| {
        numbers.iter().fold(BoxedUint::one(), |product, next| product.concatenating_mul(next))
    };
    let totient = product(&primes.iter().map(less_one).collect::<Vec<_>>());
    let exponents: Vec<_> =
        primes.iter().map(|prime| inverse(&exponent, &less_one(prime))).collect();
    let mut numbers = vec![BoxedUint::from(u64::from(primes.len() > 2)), product(primes)];
    numbers.extend([exponent.clone(), inverse(&exponent, &totient)]);
    numbers.extend([&primes[0], &primes[1], &exponents[0], &exponents[1]].map(Clone::clone));
    let coefficient = |before: &BoxedUint, prime: &BoxedUint| {
        let modulus = NonZero::new(prime.clone()).unwrap();
        inverse(&before.rem(&modulus), prime)
    };
    numbers.push(coefficient(&primes[1], &primes[0]));
    for at in 2..primes.len() {
        numbers.extend([primes[at].clone(), exponents[at].clone()]);
        numbers.push(coefficient(&product(&primes[..at]), &primes[at]));
    }
    numbers.iter().map(|number| number.to_be_bytes_trimmed_vartime().to_vec()).collect()
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let header = match length {
        ..0x80 => vec![tag, u8::try_from(length).unwrap()],
        0x80..0x100 => vec![tag, 0x81, u8::try_from(length).unwrap()],
        _ => [&[tag, 0x82][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [header, content.to_vec()].concat()
}

fn integer(number: &[u8]) -> Vec<u8> {
    let is_padded = number.first().is_none_or(|first| first & 0x80 != 0);
    tlv(2, &if is_padded { [&[0], number].concat() } else { number.to_vec() })
}

fn encoded(numbers: &[Vec<u8>]) -> Vec<u8> {
    let integers =
        |numbers: &[Vec<u8>]| numbers.iter().flat_map(|it| integer(it)).collect::<Vec<_>>();
    let mut content = integers(&numbers[..9]);
    if numbers.len() > 9 {
        let others: Vec<u8> =
            numbers[9..].chunks(3).flat_map(|other| tlv(0x30, &integers(other))).collect();
        content.extend(tlv(0x30, &others));
    }
    tlv(0x30, &content)
}

fn is_consistent(numbers: &[Vec<u8>]) -> bool {
    RsaPrivateKey::read(&encoded(numbers)).is_some_and(|key| key.is_consistent())
}

/// The prime 2^exponent − 1.
fn mersenne(exponent: u32) -> BoxedUint {
    let precision = exponent.next_multiple_of(64);
    BoxedUint::one().resize(precision).shl(exponent).wrapping_sub(BoxedUint::one())
}

#[test]
fn keys_of_any_size_exponent_and_number_of_primes_are_proven() {
    for primes in [
        &[13, 17][..],
        &[61, 89],
        &[521, 61],
        &[127, 521],
        &[1279, 2203],
        &[127, 107, 89],
        &[61, 521, 607, 127, 89],
    ] {
        // 2^n − 2 is divisible by 3, and for some n by 5, 17 or 257; never by 65537 here.
        let exponent = 65_537;
        let primes: Vec<_> = primes.iter().map(|exponent| mersenne(*exponent)).collect();
        let sound = key(exponent, &primes);
        assert!(is_consistent(&sound), "{primes:?}");
        // A private exponent that is larger by a multiple is as good.
        let mut larger = sound.clone();
        let totient = primes.iter().fold(BoxedUint::one(), |product, prime| {
            product.concatenating_mul(&prime.wrapping_sub(BoxedUint::one()))
        });
        let sum = number(&sound[3]).concatenating_add(&totient);
        larger[3] = sum.to_be_bytes_trimmed_vartime().to_vec();
        assert!(is_consistent(&larger), "{primes:?}");
    }
    let small = |number: u64| BoxedUint::from(number);
    assert!(is_consistent(&key(3, &[small(1_000_037), small(17)])));
    assert!(is_consistent(&key(7, &[small(61), small(53)])));
}

#[test]
fn every_damaged_bit_is_found() {
    for primes in [&[127, 521][..], &[127, 107, 89]] {
        let sound = key(65_537, &primes.iter().map(|it| mersenne(*it)).collect::<Vec<_>>());
        for component in 1..sound.len() {
            for bit in 0..sound[component].len() * 8 {
                let mut damaged = sound.clone();
                damaged[component][bit / 8] ^= 1 << (bit % 8);
                assert!(!is_consistent(&damaged), "component {component}, bit {bit}");
            }
        }
    }
}

#[test]
fn components_of_no_key_are_found() {
    let (p, q) = (mersenne(127), mersenne(89));
    let sound = key(65_537, &[p.clone(), q.clone()]);
    let replaced = |replacements: &[(usize, &[u8])]| {
        let mut numbers = sound.clone();
        for (component, number) in replacements {
            numbers[*component] = number.to_vec();
        }
        numbers
    };
    for component in 1..9 {
        for number in [&[][..], &[1], &[0xff; 4096]] {
            assert!(!is_consistent(&replaced(&[(component, number)])), "{component} {number:?}");
        }
    }
    // Without primes; the primes 1 and n.
    assert!(!is_consistent(&replaced(&[(4, &[]), (5, &[]), (6, &[]), (7, &[]), (8, &[])])));
    let modulus = &sound[1];
    assert!(!is_consistent(&replaced(&[(4, modulus), (5, &[1])])));
    assert!(!is_consistent(&replaced(&[(4, &[1]), (5, modulus)])));
    // The square of a prime.
    let square = p.concatenating_mul(&p).to_be_bytes_trimmed_vartime().to_vec();
    let p = &sound[4];
    assert!(!is_consistent(&replaced(&[(1, &square), (5, p), (7, &sound[6]), (8, &[1])])));
    // The primes swapped, with a coefficient for the other order.
    let swapped = replaced(&[(4, &sound[5]), (5, p), (6, &sound[7]), (7, &sound[6])]);
    assert!(!is_consistent(&swapped));
    assert!(is_consistent(&key(65_537, &[q, mersenne(127)])));
}

#[test]
fn only_private_keys_of_pkcs1_are_read() {
    let numbers = key(65_537, &[mersenne(127), mersenne(89)]);
    let der = encoded(&numbers);
    assert!(RsaPrivateKey::read(&der).is_some());
    // As OpenSSL reads it: the leading zeros are missing, or there are more.
    let unsigned: Vec<u8> = numbers
        .iter()
        .flat_map(|it| tlv(2, &[&it[..], &[0][..usize::from(it.is_empty())]].concat()))
        .collect();
    assert!(RsaPrivateKey::read(&tlv(0x30, &unsigned)).unwrap().is_consistent());
    for length in 0..der.len() {
        assert!(RsaPrivateKey::read(&der[..length]).is_none(), "{length}");
    }
    assert!(RsaPrivateKey::read(&[&der[..], &[0]].concat()).is_none());
    let with = |component: usize, number: &[u8]| {
        let mut changed = numbers.clone();
        changed[component] = number.to_vec();
        encoded(&changed)
    };
    // The versions, and two primes under the version of more.
    assert!(RsaPrivateKey::read(&with(0, &[1])).is_none());
    assert!(RsaPrivateKey::read(&with(0, &[2])).is_none());
    let too_many: Vec<_> = [61, 89, 107, 127, 521, 607].map(mersenne).to_vec();
    assert!(RsaPrivateKey::read(&encoded(&key(65_537, &too_many))).is_none());
}

#[test]
fn impossible_public_keys_are_found() {
    let modulus = mersenne(521).to_be_bytes_trimmed_vartime().to_vec();
    let even = [&modulus[..], &[0]].concat();
    for (modulus, exponent, wanted) in [
        (&modulus[..], &[3][..], true),
        (&modulus, &[1, 0, 1], true),
        (&modulus, &[1], false),
        (&modulus, &[4], false),
        (&modulus, &[], false),
        (&modulus, &modulus, false),
        (&modulus, &[&modulus[..], &[1]].concat(), false),
        (&even, &[3], false),
        (&[], &[3], false),
    ] {
        let key = RsaPublicKey { modulus, exponent };
        assert_eq!(key.is_possible(), wanted, "{key:?}");
    }
}
