//! Distributions are archives: a wheel is a zip archive, a source distribution a gzipped tar
//! archive. What comes in is hostile until shown otherwise; nothing but the core metadata is kept.

pub mod sdist;
pub mod wheel;
