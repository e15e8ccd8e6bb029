//! The leak report: what is still alive in a registry.

mod support_c_api;

use std::ffi::c_char;

use support_c_api::*;

/// The lines of the report.
#[track_caller]
fn leaks(registry: u64) -> Vec<String> {
    let mut lines = usize::MAX;
    let text = {
        let count = std::cell::Cell::new(usize::MAX);
        let text = read_text(|buffer: *mut c_char, capacity, length| {
            call!(mreg_registry_leak_report(registry, buffer, capacity, length, count.as_ptr()))
        });
        lines = lines.min(count.get());
        text.expect("a report")
    };
    assert_eq!(text.lines().count(), lines);
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(str::to_owned).collect()
}

/// The line without the moment, which has to be one.
#[track_caller]
fn without_since(line: &str) -> String {
    let (before, rest) = line.split_once(", since ").unwrap_or_else(|| panic!("since when? {line}"));
    let (moment, after) = rest.split_once(": ").expect("a handle follows");
    let form: String = moment.chars().map(|one| if one.is_ascii_digit() { '0' } else { one }).collect();
    assert_eq!(form, "0000-00-00T00:00:00.000Z", "{line}");
    format!("{before}: {after}")
}

#[test]
fn a_registry_in_which_nothing_is_left_has_an_empty_report() {
    let registry = Registry::new();
    assert_eq!(leaks(registry.0), Vec::<String>::new());
    let app = registry.app();
    let model = Model::of("User", app).add(&registry);
    hold(model).expect("hold");
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    assert_eq!(leaks(registry.0).len(), 3);
    registry.clear();
    release(app).expect("release");
    unhold(model).expect("unhold");
    free_snapshot(snapshot).expect("free");
    assert_eq!(leaks(registry.0), Vec::<String>::new());
    assert_eq!(
        code(call!(mreg_registry_leak_report(
            app,
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
            std::ptr::null_mut()
        ))),
        WRONG_HANDLE_TYPE
    );
}

#[test]
fn each_line_says_what_it_is_whose_since_when_and_its_handle() {
    let registry = Registry::new();
    let kind = registry.kind("worker").expect("a kind");
    let source = Owner { name: "db", connector: "mysql", ..Owner::data_source() }.create(registry.0).expect("an owner");
    let app = Owner { name: "shop", ..Owner::app() }.create(registry.0).expect("an owner");
    let worker = Owner { name: "w", kind, ..Owner::default() }.create(registry.0).expect("an owner");
    let user = Model { data_source: source, ..Model::of("User", app) }.add(&registry);
    let order = Model::on("Order", source).add(&registry);
    let item = Model::tenant("Item", "acme").add(&registry);
    let old = Model::new("Old").add(&registry);
    let in_snapshot = Model::on("Gone", source).add(&registry);
    hold(order).expect("hold");
    hold(order).expect("hold");
    hold(old).expect("hold");
    unregister(old).expect("unregister");
    let snapshots = [0, 1].map(|_| hold_models(source, ANY, false).expect("a snapshot"));
    unregister(in_snapshot).expect("unregister");
    // Slots of snapshots belong to the process, and are listed in their order.
    let [first, second] = if snapshots[0] >> 22 & 0x1FF_FFFF < snapshots[1] >> 22 & 0x1FF_FFFF {
        snapshots
    } else {
        [snapshots[1], snapshots[0]]
    };
    let (app_label, worker_label) = (owner_tenant(app).expect("a label"), owner_tenant(worker).expect("a label"));
    let lines: Vec<String> = leaks(registry.0).iter().map(|line| without_since(line)).collect();
    let expected = [
        format!("data source \"db\" of tenant \"ds_mysql_33511a21\": {source:#x}"),
        format!("app \"shop\" of tenant \"{app_label}\": {app:#x}"),
        format!("worker \"w\" of tenant \"{worker_label}\": {worker:#x}"),
        format!("model \"User\" of \"shop\", tenant \"ds_mysql_33511a21\": {user:#x}"),
        format!("model \"Order\" of \"db\", tenant \"ds_mysql_33511a21\", held 2 times: {order:#x}"),
        format!("model \"Item\" of tenant \"acme\": {item:#x}"),
        format!("model \"Old\", not registered, held 1 time: {old:#x}"),
        format!("model \"Gone\", not registered, held by a snapshot: {in_snapshot:#x}"),
        format!("snapshot of 2 models of \"db\": {:#x}", first),
        format!("snapshot of 2 models of \"db\": {:#x}", second),
    ];
    assert_eq!(lines, expected);
    // What a clear leaves behind is no leak, what is held is one.
    registry.clear();
    for owner in [source, app, worker] {
        release(owner).expect("release");
    }
    let lines: Vec<String> = leaks(registry.0).iter().map(|line| without_since(line)).collect();
    let held = format!("model \"Order\", not registered, held 2 times: {order:#x}");
    assert_eq!(lines, [&[held], &expected[6..]].concat());
    for model in [order, order, old] {
        unhold(model).expect("unhold");
    }
    for snapshot in snapshots {
        free_snapshot(snapshot).expect("free");
    }
    assert_eq!(leaks(registry.0), Vec::<String>::new());
}

#[test]
fn another_registrys_things_are_not_in_it() {
    let (registry, other) = (Registry::new(), Registry::new());
    let app = other.app();
    Model::of("User", app).add(&other);
    let snapshot = hold_models(app, ANY, false).expect("a snapshot");
    assert_eq!((leaks(registry.0).len(), leaks(other.0).len()), (0, 3));
    free_snapshot(snapshot).expect("free");
}

#[test]
fn a_buffer_that_is_too_small_gets_the_beginning() {
    let registry = Registry::new();
    registry.app();
    let (mut buffer, mut length, mut count) = ([0x55 as c_char; 9], 0, 0);
    call!(mreg_registry_leak_report(registry.0, buffer.as_mut_ptr(), 8, &mut length, &mut count)).expect("a report");
    assert_eq!(text_of(&buffer[..8]), "app \"\" ");
    assert_eq!((buffer[8], count), (0x55, 1));
    assert!(length > 20);
}
