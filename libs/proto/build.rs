//! Compiles `proto/` without protoc, refuses a method without an access rule, and writes the table of rules.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result, bail};
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor};

fn main() -> Result<()> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../proto").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo:rerun-if-changed={}", root.display());

    let mut files = Vec::new();
    proto_files(&root.join("jinpai"), &mut files)?;
    files.sort();
    let compiler = compile(&root, &files)?;

    // The encoded form keeps custom options; `file_descriptor_set()` drops them.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptor.bin"), &encoded)?;
    let pool = DescriptorPool::decode(encoded.as_slice())?;

    let mut generated_from = compiler.file_descriptor_set();
    for file in generated_from.file.iter_mut().filter(|file| file.package().starts_with("google.")) {
        // Their comments link to pages of theirs, not to items of ours.
        file.source_code_info = None;
    }
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .include_file("_all.rs")
        .codec_path("crate::codec::Codec")
        // Rules live in the descriptor set; no message refers to them at run time.
        .extern_path(".buf.validate", "::core::compile_error")
        .compile_fds(generated_from)?;

    // Events come from our own services, which checked what is in them; the generator can't look into their oneof.
    files.retain(|file| !file.ends_with("events/v1/events.proto"));
    let checked = out.join("checked.bin");
    fs::write(&checked, compile(&root, &files)?.encode_file_descriptor_set())?;
    prost_protovalidate_build::Builder::new()
        .file_descriptor_set_path(&checked)?
        .fail_on_runtime_only(true)
        .compile()?;

    fs::write(out.join("access.rs"), access_table(&pool)?)?;
    Ok(())
}

fn compile(root: &Path, files: &[PathBuf]) -> Result<protox::Compiler> {
    let mut compiler = protox::Compiler::new([root])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(files)?;
    Ok(compiler)
}

fn proto_files(dir: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            proto_files(&path, into)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            into.push(path);
        }
    }
    Ok(())
}

/// One `MethodRule` literal per RPC, sorted by path.
fn access_table(pool: &DescriptorPool) -> Result<String> {
    let mut methods: Vec<MethodDescriptor> =
        pool.services().flat_map(|s| s.methods().collect::<Vec<_>>()).collect();
    methods.sort_by_key(|m| m.full_name().to_owned());
    let mut table = String::from("&[\n");
    for method in methods {
        let service = method.parent_service().full_name().to_owned();
        let (grants, deadline_ms, endless) =
            rule(pool, &method).with_context(|| format!("{service}.{}", method.name()))?;
        let options = method.options();
        let reads =
            options.get_field_by_name("idempotency_level").is_some_and(|v| v.as_enum_number() == Some(1));
        writeln!(
            table,
            "MethodRule {{ path: \"/{service}/{name}\", service: \"{service}\", method: \"{name}\", grants: &[{grants}], \
             deadline_ms: {deadline_ms}, changes: {changes}, client_streaming: {client}, server_streaming: {server}, \
             endless: {endless} }},",
            name = method.name(),
            changes = !reads,
            client = method.is_client_streaming(),
            server = method.is_server_streaming(),
        )?;
    }
    table.push(']');
    Ok(table)
}

/// The grants of a method as `(Role, Scope)` literals, its deadline, and whether it has an end.
fn rule(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<(String, u64, bool)> {
    let extension = pool.get_extension_by_name("jinpai.access.v1.rule").context("no rule extension")?;
    let options = method.options();
    if !options.has_extension(&extension) {
        bail!("a method needs an access rule: option (jinpai.access.v1.rule) = {{ … }}");
    }
    let value = options.get_extension(&extension);
    let rule = value.as_message().context("the rule is a message")?;
    let mut literals = Vec::new();
    for grant in list(rule, "grants") {
        let grant = grant.as_message().context("a grant is a message")?;
        let scope = number(grant, "scope");
        for role in list(grant, "roles") {
            let role = role.as_enum_number().context("a role is an enum value")?;
            if role == 0 || scope == 0 {
                bail!("a grant names a role and a scope");
            }
            let role = variant(pool, "jinpai.access.v1.Role", role)?;
            let scope = variant(pool, "jinpai.access.v1.Scope", scope)?;
            literals.push(format!("(Role::{role}, Scope::{scope})"));
        }
    }
    if literals.is_empty() {
        bail!("the access rule grants nothing to anybody");
    }
    let deadline = rule.get_field_by_name("deadline_ms").and_then(|v| v.as_u32()).unwrap_or(0);
    let endless = rule.get_field_by_name("endless").and_then(|v| v.as_bool()).unwrap_or(false);
    if endless && !method.is_server_streaming() {
        bail!("only a method that answers with a stream can be endless");
    }
    Ok((literals.join(", "), deadline.into(), endless))
}

/// The Rust name of an enum value: `ROLE_SENIOR_AGENT` of `Role` is `SeniorAgent`.
fn variant(pool: &DescriptorPool, of: &str, number: i32) -> Result<String> {
    let of = pool.get_enum_by_name(of).context("no such enum")?;
    let value = of.get_value(number).context("no such enum value")?;
    let prefix = format!("{}_", of.name().to_uppercase());
    let bare = value.name().strip_prefix(&prefix).context("an enum value carries its enum's name")?;
    Ok(bare.split('_').map(|word| format!("{}{}", &word[..1], word[1..].to_lowercase())).collect())
}

fn list(message: &DynamicMessage, field: &str) -> Vec<prost_reflect::Value> {
    message
        .get_field_by_name(field)
        .and_then(|v| v.as_list().map(<[prost_reflect::Value]>::to_vec))
        .unwrap_or_default()
}

fn number(message: &DynamicMessage, field: &str) -> i32 {
    message.get_field_by_name(field).and_then(|v| v.as_enum_number()).unwrap_or(0)
}
