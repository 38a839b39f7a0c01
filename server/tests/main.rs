//! Tests of the program as a whole, in one binary because linking is what they cost.

mod it {
    mod architecture;
    mod http;
    mod security;
}
