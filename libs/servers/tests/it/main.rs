//! The private servers, against the real programs.

mod nats;
mod postgres;

/// A folder below the system's temporary one that the servers' unprivileged user can enter.
fn reachable_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}
