//! Nothing. When the build names an example, cargo chooses the dependencies' features as it does for tests; see
//! `build::native` in `src/build.rs`.

fn main() {}
