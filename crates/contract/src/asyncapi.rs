pub fn asyncapi() -> String {
    String::new()
}
