//! The C interface of llguidance, which is all that this library exports.
pub use llguidance::ffi::*;
