//! The comments of the proto files.

use std::collections::HashMap;

use prost_reflect::DescriptorPool;

/// Leading comments by file and path inside the file's descriptor.
#[derive(Debug)]
pub struct Comments(HashMap<(String, Vec<i32>), String>);

impl Comments {
    /// Reads them from the descriptor set.
    pub fn new(pool: &DescriptorPool) -> Self {
        let mut all = HashMap::new();
        for file in pool.files() {
            let info = file.file_descriptor_proto().source_code_info.clone().unwrap_or_default();
            for location in info.location {
                if let Some(text) = location.leading_comments {
                    all.insert((file.name().to_owned(), location.path), tidy(&text));
                }
            }
        }
        Self(all)
    }

    /// The comment before what is at `path`; empty if there is none.
    pub fn of(&self, file: &str, path: &[i32]) -> String {
        self.0.get(&(file.to_owned(), path.to_owned())).cloned().unwrap_or_default()
    }
}

/// One paragraph instead of lines cut for the editor.
fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Up to the first full stop.
pub fn first_sentence(text: &str) -> &str {
    text.split_once(". ").map_or(text, |(first, _)| first).trim_end_matches('.')
}
