//! The ciphers of PKCS#12, in CBC mode with padding.

use aes::cipher::{Block, BlockCipherDecrypt, KeyInit};
use aes::{Aes128Dec, Aes192Dec, Aes256Dec};
use des::{TdesEde2, TdesEde3};
use rc2::Rc2;
use zeroize::Zeroizing;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    /// Triple DES with three keys.
    TripleDes,
    /// Triple DES whose third key is the first.
    TripleDesOfTwo,
    Rc2With40Bits,
    Rc2With128Bits,
}

impl Cipher {
    pub(super) fn key_length(self) -> usize {
        match self {
            Self::Rc2With40Bits => 5,
            Self::Aes128 | Self::TripleDesOfTwo | Self::Rc2With128Bits => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
        }
    }

    pub(super) fn block_length(self) -> usize {
        match self {
            Self::Aes128 | Self::Aes192 | Self::Aes256 => 16,
            _ => 8,
        }
    }

    /// Decrypts and cuts off the padding. `None` if the key is wrong or the data is damaged, as
    /// far as the padding shows it.
    pub(super) fn decrypt(
        self,
        key: &[u8],
        iv: &[u8],
        encrypted: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let mut data = Zeroizing::new(encrypted.to_vec());
        let length = match self {
            Self::Aes128 => in_place::<Aes128Dec>(key, iv, &mut data),
            Self::Aes192 => in_place::<Aes192Dec>(key, iv, &mut data),
            Self::Aes256 => in_place::<Aes256Dec>(key, iv, &mut data),
            Self::TripleDes => in_place::<TdesEde3>(key, iv, &mut data),
            Self::TripleDesOfTwo => in_place::<TdesEde2>(key, iv, &mut data),
            // It takes the length of the key for the effective one, as PKCS#12 does.
            Self::Rc2With40Bits | Self::Rc2With128Bits => in_place::<Rc2>(key, iv, &mut data),
        }?;
        data.truncate(length);
        Some(data)
    }
}

/// Decrypts in place; returns the length without the padding. Block by block: the parallel code of
/// a crate for CBC is three times as large.
fn in_place<C: BlockCipherDecrypt + KeyInit>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Option<usize> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut previous = Block::<C>::try_from(iv).ok()?;
    let (blocks, []) = Block::<C>::slice_as_chunks_mut(data) else { return None };
    for block in blocks {
        let encrypted = block.clone();
        cipher.decrypt_block(block);
        block.iter_mut().zip(&previous).for_each(|(byte, other)| *byte ^= other);
        previous = encrypted;
    }
    // The padding: its length, in each of its bytes.
    let length = data.len().checked_sub(usize::from(*data.last()?))?;
    let padding = &data[length..];
    let is_valid = (1..=iv.len()).contains(&padding.len())
        && padding.iter().all(|byte| usize::from(*byte) == padding.len());
    is_valid.then_some(length)
}
