//! Growing a buffer that may hold a secret.

use std::io;

use zeroize::Zeroizing;

/// Appends. Grows by moving into a new buffer, so that the old one is wiped and not just freed.
pub(crate) fn append(bytes: &mut Zeroizing<Vec<u8>>, piece: &[u8]) {
    let needed = bytes.len() + piece.len();
    if needed > bytes.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity(needed * 2));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
    bytes.extend_from_slice(piece);
}

/// [`append`] for what writes.
pub(crate) struct Wiped(pub(crate) Zeroizing<Vec<u8>>);

impl io::Write for Wiped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        append(&mut self.0, piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
