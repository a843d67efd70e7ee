//! The elliptic curves that libcas knows, with their parameters, and points on them.

use std::borrow::Cow;

use crypto_bigint::{Limb, NonZero, Uint};
use x509_parser::asn1_rs::{Oid, Tag, oid};

use crate::inspect::der::{Values, bytes_of_bit_string, without_leading_zeros};

/// A curve y² = x³ + ax + b over a prime field. All numbers are big-endian; all but the order are
/// as long as a coordinate.
pub(super) struct Curve {
    /// The name of its keys.
    pub(super) name: &'static str,
    oid: Oid<'static>,
    prime: &'static [u8],
    a: &'static [u8],
    b: &'static [u8],
    /// The generator.
    x: &'static [u8],
    y: &'static [u8],
    order: &'static [u8],
}

/// Limbs of a coordinate of most curves, and of the longest prime, which has 521 bits.
const SHORT: usize = 256 / Limb::BITS as usize;
const LONG: usize = 576 / Limb::BITS as usize;

impl Curve {
    pub(super) fn by_oid(oid: &Oid<'_>) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.oid == *oid)
    }

    pub(super) fn by_name(name: &str) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.name == name)
    }

    /// The curve with these explicit parameters (`ECParameters` of SEC 1, the content of the
    /// SEQUENCE). `Ok(None)` is a curve that libcas does not know; `Err` cannot be read.
    pub(super) fn by_parameters(parameters: &[u8]) -> Result<Option<&'static Self>, ()> {
        const PRIME_FIELD: Oid<'_> = oid!(1.2.840.10045.1.1);
        let read = || {
            let mut parameters = Values::new(parameters);
            parameters.next(Tag::Integer)?;
            let mut field = Values::new(parameters.next(Tag::Sequence)?);
            if field.next(Tag::Oid)? != PRIME_FIELD.as_bytes() {
                return Some(None);
            }
            let prime = field.next_unsigned()?;
            let mut coefficients = Values::new(parameters.next(Tag::Sequence)?);
            let a = without_leading_zeros(coefficients.next(Tag::OctetString)?);
            let b = without_leading_zeros(coefficients.next(Tag::OctetString)?);
            // The seed, which proves that they are random.
            if !coefficients.is_empty() {
                bytes_of_bit_string(coefficients.next(Tag::BitString)?)?;
            }
            let generator = parameters.next(Tag::OctetString)?;
            let order = parameters.next_unsigned()?;
            let cofactor =
                if parameters.is_empty() { &[1][..] } else { parameters.next_unsigned()? };
            if !(field.is_empty() && coefficients.is_empty() && parameters.is_empty()) {
                return None;
            }
            Some(CURVES.iter().find(|curve| {
                let numbers = [(prime, curve.prime), (a, curve.a), (b, curve.b)];
                numbers.iter().all(|(number, own)| *number == without_leading_zeros(own))
                    && order == curve.order
                    && cofactor == [1]
                    && curve.uncompressed(generator).is_some_and(|point| {
                        are_equal_points(&point, &[&[4], curve.x, curve.y].concat())
                    })
            }))
        };
        read().ok_or(())
    }

    /// Length of a private key in bytes.
    pub(super) fn key_length(&self) -> usize {
        self.order.len()
    }

    /// The uncompressed form of a public key, which may be compressed or, as in X9.62, hybrid.
    /// `None` if it is not a point of the curve. A compressed point stays as it is where the prime
    /// does not allow a simple square root.
    pub(super) fn uncompressed<'a>(&self, point: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.prime.len() * 8 <= 256 {
            self.uncompressed_in(&self.field::<SHORT>(), point)
        } else {
            self.uncompressed_in(&self.field::<LONG>(), point)
        }
    }

    fn uncompressed_in<'a, const LIMBS: usize>(
        &self,
        field: &Field<'_, LIMBS>,
        point: &'a [u8],
    ) -> Option<Cow<'a, [u8]>> {
        let (form, coordinates) = point.split_first()?;
        let length = self.prime.len();
        let is_odd = form & 1 == 1;
        match form {
            4 | 6 | 7 if coordinates.len() == 2 * length => {
                let (x, y) = coordinates.split_at(length);
                let is_marked = *form == 4 || (y[length - 1] & 1 == 1) == is_odd;
                let is_point = is_marked && field.contains(x, y);
                let uncompressed = if *form == 4 {
                    Cow::Borrowed(point)
                } else {
                    Cow::Owned([&[4], coordinates].concat())
                };
                is_point.then_some(uncompressed)
            }
            2 | 3 if coordinates.len() == length => {
                let x = field.element(coordinates)?;
                if self.prime[length - 1] & 3 != 3 {
                    return Some(Cow::Borrowed(point));
                }
                let y = field.square_root(&field.y_squared(&x))?;
                let other = field.prime.wrapping_sub(&y);
                let y = if bool::from(y.is_odd()) == is_odd { y } else { other };
                let y = y.to_be_bytes();
                let y = &y.as_ref()[size_of::<Uint<LIMBS>>() - length..];
                // Zero has no odd form.
                let is_marked = (y[length - 1] & 1 == 1) == is_odd;
                is_marked.then(|| Cow::Owned([&[4], coordinates, y].concat()))
            }
            _ => None,
        }
    }

    fn field<const LIMBS: usize>(&self) -> Field<'_, LIMBS> {
        let prime = NonZero::new(number(self.prime)).expect("a prime of this table is not zero");
        Field { curve: self, prime }
    }
}

/// Whether two points are equal. Either may be compressed.
pub(super) fn are_equal_points(one: &[u8], other: &[u8]) -> bool {
    match (one, other) {
        ([sign @ (2 | 3), x @ ..], [4, xy @ ..]) | ([4, xy @ ..], [sign @ (2 | 3), x @ ..]) => {
            xy.len() == 2 * x.len()
                && xy.starts_with(x)
                && xy.last().is_some_and(|last| last & 1 == sign & 1)
        }
        (one, other) => one == other,
    }
}

/// The field of a curve, with elements below its prime. Variable time: public keys are public.
struct Field<'a, const LIMBS: usize> {
    curve: &'a Curve,
    prime: NonZero<Uint<LIMBS>>,
}

impl<const LIMBS: usize> Field<'_, LIMBS> {
    /// `None` if the number is not below the prime.
    fn element(&self, bytes: &[u8]) -> Option<Uint<LIMBS>> {
        Some(number(bytes)).filter(|number| *number < *self.prime)
    }

    // Not inlined: each call would get a copy of multiplication and division.
    #[inline(never)]
    fn multiply(&self, a: &Uint<LIMBS>, b: &Uint<LIMBS>) -> Uint<LIMBS> {
        Uint::rem_wide_vartime(a.widening_mul(b), &self.prime)
    }

    /// x³ + ax + b
    fn y_squared(&self, x: &Uint<LIMBS>) -> Uint<LIMBS> {
        let add = |a: &Uint<LIMBS>, b: &[u8]| a.add_mod(&number(b), &self.prime);
        let x_squared_and_a = add(&self.multiply(x, x), self.curve.a);
        add(&self.multiply(&x_squared_and_a, x), self.curve.b)
    }

    fn contains(&self, x: &[u8], y: &[u8]) -> bool {
        let coordinates = self.element(x).zip(self.element(y));
        coordinates.is_some_and(|(x, y)| self.y_squared(&x) == self.multiply(&y, &y))
    }

    /// For a prime of the form 4n + 3: square^(n + 1).
    fn square_root(&self, square: &Uint<LIMBS>) -> Option<Uint<LIMBS>> {
        let exponent = self.prime.shr_vartime(2).wrapping_add(&Uint::ONE);
        let mut root = Uint::ONE;
        for bit in (0..exponent.bit_width_vartime()).rev() {
            root = self.multiply(&root, &root);
            if exponent.bit_vartime(bit) {
                root = self.multiply(&root, square);
            }
        }
        (self.multiply(&root, &root) == *square).then_some(root)
    }
}

/// The number of these bytes, which are at most as many as it has.
fn number<const LIMBS: usize>(bytes: &[u8]) -> Uint<LIMBS> {
    let mut padded = [0; size_of::<Uint<LONG>>()];
    let start = padded.len() - size_of::<Uint<LIMBS>>();
    let at = padded.len() - bytes.len();
    padded[at..].copy_from_slice(bytes);
    Uint::from_be_slice(&padded[start..])
}

/// The bytes of a text in hexadecimal.
const fn hex<const N: usize>(text: &str) -> [u8; N] {
    const fn digit(digit: u8) -> u8 {
        if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
    }
    let text = text.as_bytes();
    assert!(text.len() == 2 * N);
    let mut bytes = [0; N];
    let mut at = 0;
    while at < N {
        bytes[at] = digit(text[2 * at]) << 4 | digit(text[2 * at + 1]);
        at += 1;
    }
    bytes
}

/// The curves of NIST, SEC 2, GB/T 32918 and RFC 5639.
static CURVES: [Curve; 10] = [
    Curve {
        name: "EC-P192",
        oid: oid!(1.2.840.10045.3.1.1),
        prime: &hex::<24>("fffffffffffffffffffffffffffffffeffffffffffffffff"),
        a: &hex::<24>("fffffffffffffffffffffffffffffffefffffffffffffffc"),
        b: &hex::<24>("64210519e59c80e70fa7e9ab72243049feb8deecc146b9b1"),
        x: &hex::<24>("188da80eb03090f67cbf20eb43a18800f4ff0afd82ff1012"),
        y: &hex::<24>("07192b95ffc8da78631011ed6b24cdd573f977a11e794811"),
        order: &hex::<24>("ffffffffffffffffffffffff99def836146bc9b1b4d22831"),
    },
    Curve {
        name: "EC-P224",
        oid: oid!(1.3.132.0.33),
        prime: &hex::<28>("ffffffffffffffffffffffffffffffff000000000000000000000001"),
        a: &hex::<28>("fffffffffffffffffffffffffffffffefffffffffffffffffffffffe"),
        b: &hex::<28>("b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4"),
        x: &hex::<28>("b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21"),
        y: &hex::<28>("bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34"),
        order: &hex::<28>("ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d"),
    },
    Curve {
        name: "EC-P256",
        oid: oid!(1.2.840.10045.3.1.7),
        prime: &hex::<32>("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
        a: &hex::<32>("ffffffff00000001000000000000000000000000fffffffffffffffffffffffc"),
        b: &hex::<32>("5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b"),
        x: &hex::<32>("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
        y: &hex::<32>("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
        order: &hex::<32>("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    },
    Curve {
        name: "EC-P384",
        oid: oid!(1.3.132.0.34),
        prime: &hex::<48>(concat!(
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff",
            "0000000000000000ffffffff",
        )),
        a: &hex::<48>(concat!(
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff",
            "0000000000000000fffffffc",
        )),
        b: &hex::<48>(concat!(
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d",
            "8a2ed19d2a85c8edd3ec2aef",
        )),
        x: &hex::<48>(concat!(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25d",
            "bf55296c3a545e3872760ab7",
        )),
        y: &hex::<48>(concat!(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce",
            "1d7e819d7a431d7c90ea0e5f",
        )),
        order: &hex::<48>(concat!(
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db2",
            "48b0a77aecec196accc52973",
        )),
    },
    Curve {
        name: "EC-P521",
        oid: oid!(1.3.132.0.35),
        prime: &hex::<66>(concat!(
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        )),
        a: &hex::<66>(concat!(
            "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
        )),
        b: &hex::<66>(concat!(
            "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e15619",
            "3951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
        )),
        x: &hex::<66>(concat!(
            "00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b",
            "5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
        )),
        y: &hex::<66>(concat!(
            "011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee",
            "72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        )),
        order: &hex::<66>(concat!(
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa5186",
            "8783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        )),
    },
    Curve {
        name: "EC-secp256k1",
        oid: oid!(1.3.132.0.10),
        prime: &hex::<32>("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
        a: &hex::<32>("0000000000000000000000000000000000000000000000000000000000000000"),
        b: &hex::<32>("0000000000000000000000000000000000000000000000000000000000000007"),
        x: &hex::<32>("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
        y: &hex::<32>("483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"),
        order: &hex::<32>("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
    },
    Curve {
        name: "SM2",
        oid: oid!(1.2.156.10197.1.301),
        prime: &hex::<32>("fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff"),
        a: &hex::<32>("fffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffc"),
        b: &hex::<32>("28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93"),
        x: &hex::<32>("32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"),
        y: &hex::<32>("bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"),
        order: &hex::<32>("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123"),
    },
    Curve {
        name: "EC-brainpoolP256r1",
        oid: oid!(1.3.36.3.3.2.8.1.1.7),
        prime: &hex::<32>("a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377"),
        a: &hex::<32>("7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9"),
        b: &hex::<32>("26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6"),
        x: &hex::<32>("8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262"),
        y: &hex::<32>("547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997"),
        order: &hex::<32>("a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7"),
    },
    Curve {
        name: "EC-brainpoolP384r1",
        oid: oid!(1.3.36.3.3.2.8.1.1.11),
        prime: &hex::<48>(concat!(
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729",
            "901d1a71874700133107ec53",
        )),
        a: &hex::<48>(concat!(
            "7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a",
            "503ad4eb04a8c7dd22ce2826",
        )),
        b: &hex::<48>(concat!(
            "04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb43902",
            "95dbc9943ab78696fa504c11",
        )),
        x: &hex::<48>(concat!(
            "1d1c64f068cf45ffa2a63a81b7c13f6b8847a3e77ef14fe3db7fcafe0cbd10e8e826e034",
            "36d646aaef87b2e247d4af1e",
        )),
        y: &hex::<48>(concat!(
            "8abe1d7520f9c2a45cb1eb8e95cfd55262b70b29feec5864e19c054ff99129280e464621",
            "7791811142820341263c5315",
        )),
        order: &hex::<48>(concat!(
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af",
            "6b7fc3103b883202e9046565",
        )),
    },
    Curve {
        name: "EC-brainpoolP512r1",
        oid: oid!(1.3.36.3.3.2.8.1.1.13),
        prime: &hex::<64>(concat!(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b00",
            "9bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3",
        )),
        a: &hex::<64>(concat!(
            "7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc2ded5d5a",
            "a8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca",
        )),
        b: &hex::<64>(concat!(
            "3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9",
            "e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723",
        )),
        x: &hex::<64>(concat!(
            "81aee4bdd82ed9645a21322e9c4c6a9385ed9f70b5d916c1b43b62eef4d0098eff3b1f78",
            "e2d0d48d50d1687b93b97d5f7c6d5047406a5e688b352209bcb9f822",
        )),
        y: &hex::<64>(concat!(
            "7dde385d566332ecc0eabfa9cf7822fdf209f70024a57b1aa000c55b881f8111b2dcde49",
            "4a5f485e5bca4bd88a2763aed1ca2b2fa8f0540678cd1e0f3ad80892",
        )),
        order: &hex::<64>(concat!(
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c41",
            "4ca92619418661197fac10471db1d381085ddaddb58796829ca90069",
        )),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(curve: &Curve) -> Vec<u8> {
        [&[4], curve.x, curve.y].concat()
    }

    #[test]
    fn generators_are_points_in_every_form() {
        for curve in &CURVES {
            let point = generator(curve);
            let odd = curve.y.last().unwrap() & 1;
            assert_eq!(curve.uncompressed(&point).unwrap(), point, "{}", curve.name);
            let hybrid = [&[6 | odd], curve.x, curve.y].concat();
            assert_eq!(curve.uncompressed(&hybrid).unwrap(), point, "{}", curve.name);
            let compressed = [&[2 | odd], curve.x].concat();
            let wanted = if curve.name == "EC-P224" { &compressed } else { &point };
            assert_eq!(*curve.uncompressed(&compressed).unwrap(), **wanted, "{}", curve.name);
            let other = [&[2 | (odd ^ 1)], curve.x].concat();
            assert_ne!(*curve.uncompressed(&other).unwrap(), *point, "{}", curve.name);
        }
    }

    #[test]
    fn compressed_and_uncompressed_points_are_equal() {
        let point = [4, 1, 2, 3, 5];
        for (other, wanted) in [
            (&[4, 1, 2, 3, 5][..], true),
            (&[3, 1, 2], true),
            (&[2, 1, 2], false),
            (&[3, 1, 9], false),
            (&[4, 1, 2, 3, 6], false),
            (&[3, 1], false),
            (&[], false),
        ] {
            assert_eq!(are_equal_points(&point, other), wanted, "{other:?}");
            assert_eq!(are_equal_points(other, &point), wanted, "{other:?}");
        }
    }

    #[test]
    fn other_bytes_are_no_points() {
        for curve in &CURVES {
            let point = generator(curve);
            // Another form may be right: hybrid.
            for bit in 8..point.len() * 8 {
                let mut damaged = point.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(curve.uncompressed(&damaged), None, "{} {bit}", curve.name);
            }
            let odd = curve.y.last().unwrap() & 1;
            for other in [
                &[][..],
                &[0],
                &[4],
                &point[..point.len() - 1],
                &[&point[..], &[0]].concat(),
                &[&[7 ^ odd], curve.x, curve.y].concat(),
                &[&[2], curve.prime].concat(),
                &[&[4], curve.x, curve.prime].concat(),
            ] {
                assert_eq!(curve.uncompressed(other), None, "{} {other:?}", curve.name);
            }
        }
    }
}
