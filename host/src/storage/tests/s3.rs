//! A small S3 service inside the test, on a port of its own.

use std::net::SocketAddr;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::storage::{Addressing, S3Settings, Settings};

pub struct Server {
    address: SocketAddr,
    _folder: TempDir,
    _task: AbortOnDropHandle<()>,
}

impl Server {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("bucket")).unwrap();
        let engine = s3s_fs::FileSystem::new(folder.path()).unwrap();
        let mut builder = S3ServiceBuilder::new(engine);
        builder.set_auth(SimpleAuth::from_single("key", "secret"));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    drop(server.serve_connection(TokioIo::new(socket), service).await);
                });
            }
        });
        Self { address, _folder: folder, _task: AbortOnDropHandle::new(task) }
    }

    pub fn settings(&self) -> Settings {
        Settings::S3(S3Settings {
            endpoint: self.address.ip().to_string(),
            port: self.address.port(),
            use_ssl: false,
            region: "eu-1".into(),
            bucket_name: "bucket".into(),
            access_key: "key".into(),
            access_secret: "secret".into(),
            addressing: Addressing::Path,
            part_buffers: 64 << 20,
        })
    }
}
