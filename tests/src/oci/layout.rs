//! A folder in the OCI image layout, which most clients push from and pull to.

use super::{Content, INDEX, Image, index};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// Images by tag, as `index.json` lists them.
pub struct Layout {
    folder: PathBuf,
    named: Vec<Value>,
}

impl Layout {
    /// Makes an empty one there.
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("blobs/sha256")).expect("a folder");
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
        let layout = Self { folder: folder.to_path_buf(), named: Vec::new() };
        layout.write_index();
        layout
    }

    /// Adds an image under this tag.
    pub fn add(&mut self, tag: &str, image: &Image) {
        self.put_image(image);
        self.name(tag, &image.manifest);
    }

    /// Adds images for several architectures under one tag; the index that names them.
    pub fn add_index(&mut self, tag: &str, images: &[(&Image, &str)]) -> Content {
        for (image, _) in images {
            self.put_image(image);
        }
        let index = index(images);
        self.put(&index);
        self.name(tag, &index);
        index
    }

    /// What lies in a layout that a client has written, by digest.
    pub fn read(folder: &Path, digest: &str) -> Option<Vec<u8>> {
        fs::read(folder.join("blobs").join(digest.replace(':', "/"))).ok()
    }

    fn put_image(&self, image: &Image) {
        self.put(&image.manifest);
        for blob in &image.blobs {
            self.put(blob);
        }
    }

    fn put(&self, content: &Content) {
        let path = self.folder.join("blobs").join(content.digest.replace(':', "/"));
        fs::write(path, &content.bytes).expect("written");
    }

    fn name(&mut self, tag: &str, content: &Content) {
        let mut descriptor = content.descriptor();
        descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
        self.named.push(descriptor);
        self.write_index();
    }

    fn write_index(&self) {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.named});
        fs::write(self.folder.join("index.json"), index.to_string()).expect("written");
    }
}
