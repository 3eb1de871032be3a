//! Texts made from seeds: cut, doubled, spliced, flipped, and words put where others stood. Deterministic.

/// What readers stumble over.
const AWKWARD: [&str; 26] = [
    "-1",
    "0",
    "-0",
    "1e400",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "null",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[[[[[[[[[[[[[[[[",
    "\u{0}",
    "\u{FEFF}",
    "€",
    "\u{1F600}",
    "]]>",
    "<![CDATA[",
    "&#0;",
    "&#x110000;",
    "<!DOCTYPE x>",
    "\r\n",
    "\\u0000",
    "\\ud800",
    "*/0",
];

/// Makes text after text.
pub struct Mutator<'a> {
    seeds: &'a [Vec<u8>],
    /// Words of the seeds.
    words: Vec<Vec<u8>>,
    canary: &'a str,
    state: u64,
}

impl<'a> Mutator<'a> {
    /// Begins anew for a target.
    pub fn new(target: &str, seeds: &'a [Vec<u8>], canary: &'a str) -> Self {
        let letters = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.:\"".contains(byte);
        let mut words: Vec<Vec<u8>> = seeds
            .iter()
            .flat_map(|seed| seed.split(|byte| !letters(byte)))
            .filter(|word| !word.is_empty())
            .map(<[u8]>::to_vec)
            .collect();
        words.sort();
        words.dedup();
        let state = target.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self {
            seeds,
            words,
            canary,
            state,
        }
    }

    /// SplitMix64: a number below `bound`, which is not zero.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(bound).unwrap()).unwrap()
    }

    /// The next text.
    pub fn next(&mut self) -> Vec<u8> {
        let place = self.below(self.seeds.len());
        let mut text = self.seeds[place].clone();
        for _ in 0..=self.below(6) {
            self.change(&mut text);
        }
        text
    }

    fn range(&mut self, text: &[u8], longest: usize) -> std::ops::Range<usize> {
        let start = self.below(text.len() + 1);
        let length = self.below(longest);
        start..(start + length).min(text.len())
    }

    fn change(&mut self, text: &mut Vec<u8>) {
        match self.below(9) {
            0 => {
                let at = self.range(text, 2);
                for byte in &mut text[at] {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let at = self.range(text, 24);
                text.drain(at);
            }
            2 => {
                let at = self.range(text, 64);
                let twice = text[at.clone()].to_vec();
                text.splice(at.start..at.start, twice);
            }
            3 => {
                let place = self.below(self.seeds.len());
                let other = &self.seeds[place];
                let cut = self.range(text, 1).start;
                let from = self.range(other, 1).start;
                text.truncate(cut);
                text.extend_from_slice(&self.seeds[place][from..]);
            }
            4 => {
                let at = self.range(text, 8);
                let word = AWKWARD[self.below(AWKWARD.len())];
                text.splice(at, word.bytes());
            }
            5 => {
                let at = self.range(text, 12);
                let canary = self.canary.as_bytes().to_vec();
                text.splice(at, canary);
            }
            6 => {
                let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                let (one, other) = (self.below(lines.len()), self.below(lines.len()));
                lines.swap(one, other);
                *text = lines.join(&b'\n');
            }
            // A word for a word, which leaves the shape as it is.
            _ => {
                let letters = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let start = self.range(text, 1).start;
                let Some(start) = (start..text.len()).find(|at| letters(&text[*at])) else {
                    return;
                };
                let end = (start..text.len())
                    .find(|at| !letters(&text[*at]))
                    .unwrap_or(text.len());
                let word = if self.below(4) == 0 {
                    AWKWARD[self.below(AWKWARD.len())].as_bytes().to_vec()
                } else {
                    let place = self.below(self.words.len());
                    self.words[place].clone()
                };
                text.splice(start..end, word);
            }
        }
    }
}
