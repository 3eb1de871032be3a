//! Tables of what a cron text means. 2024-09-01 is a Sunday.

use chrono::{Datelike, NaiveDate, Weekday};
use rekeyd::schedule::Cron;

use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};

/// The days on which a text fires in the four weeks from Sunday 2024-09-01, each once.
fn days(text: &str) -> Vec<NaiveDate> {
    let cron: Cron = text.parse().unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let end = NaiveDate::from_ymd_opt(2024, 9, 29).unwrap();
    let mut wall = NaiveDate::from_ymd_opt(2024, 8, 31)
        .unwrap()
        .and_hms_opt(23, 59, 59)
        .unwrap();
    let mut found = Vec::new();
    while let Some(next) = cron.next_wall(wall).filter(|next| next.date() < end) {
        found.push(next.date());
        wall = next;
    }
    found
}

#[test]
fn weekdays_have_their_unix_numbers() {
    for (field, meant) in [
        ("0", vec![Sun]),
        ("1", vec![Mon]),
        ("2", vec![Tue]),
        ("3", vec![Wed]),
        ("4", vec![Thu]),
        ("5", vec![Fri]),
        ("6", vec![Sat]),
        ("7", vec![Sun]),
        ("SUN", vec![Sun]),
        ("mon", vec![Mon]),
        ("Tue", vec![Tue]),
        ("wed", vec![Wed]),
        ("thu", vec![Thu]),
        ("fri", vec![Fri]),
        ("sat", vec![Sat]),
        ("1-5", vec![Mon, Tue, Wed, Thu, Fri]),
        ("MON-FRI", vec![Mon, Tue, Wed, Thu, Fri]),
        ("0-6", vec![Sun, Mon, Tue, Wed, Thu, Fri, Sat]),
        ("1-7", vec![Sun, Mon, Tue, Wed, Thu, Fri, Sat]),
        ("0-7", vec![Sun, Mon, Tue, Wed, Thu, Fri, Sat]),
        ("5-7", vec![Sun, Fri, Sat]),
        ("FRI-SUN", vec![Sun, Fri, Sat]),
        ("SUN-TUE", vec![Sun, Mon, Tue]),
        ("SUN-SUN", vec![Sun]),
        ("0,7", vec![Sun]),
        ("6,0", vec![Sun, Sat]),
        ("mon,WED,5", vec![Mon, Wed, Fri]),
        ("*/2", vec![Sun, Tue, Thu, Sat]),
        ("1-5/2", vec![Mon, Wed, Fri]),
        ("*", vec![Sun, Mon, Tue, Wed, Thu, Fri, Sat]),
    ] {
        let found = days(&format!("0 2 * * {field}"));
        assert_eq!(found.len(), meant.len() * 4, "{field}: each once a week");
        let week: Vec<Weekday> = found[..meant.len()].iter().map(Datelike::weekday).collect();
        assert_eq!(week, meant, "{field}");
    }
}

#[test]
fn two_restricted_day_fields_mean_either() {
    for (text, meant) in [
        ("0 2 13 * FRI", vec![6, 13, 20, 27]),
        ("0 2 10 * FRI", vec![6, 10, 13, 20, 27]),
        ("0 2 1,15 * 1", vec![1, 2, 9, 15, 16, 23]),
        ("0 2 13 * *", vec![13]),
        // A field that begins with a star restricts the other one and adds nothing.
        ("0 2 */7 * SUN", vec![1, 8, 15, 22]),
        ("0 2 */5 * SUN", vec![1]),
        ("0 2 1-14 * */7", vec![1, 8]),
        ("0 2 31 * *", vec![]),
        ("0 2 31 * MON-TUE", vec![2, 3, 9, 10, 16, 17, 23, 24]),
        ("0 2 1 10 MON", vec![]),
    ] {
        let found: Vec<u32> = days(text).iter().map(Datelike::day).collect();
        assert_eq!(found, meant, "{text}");
    }
}

#[test]
fn times_months_and_shorthands() {
    for (text, after, meant) in [
        ("*/15 * * * *", "2024-01-01T00:00:00Z", "2024-01-01T00:15:00Z"),
        ("5-59/20 * * * *", "2024-01-01T00:25:00Z", "2024-01-01T00:45:00Z"),
        ("0 3 1 */3 *", "2024-01-02T00:00:00Z", "2024-04-01T03:00:00Z"),
        ("0 3 1 jan-MAR *", "2024-03-02T00:00:00Z", "2025-01-01T03:00:00Z"),
        ("0 0 29 2 *", "2024-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("@hourly", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00Z"),
        ("@daily", "2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
        ("@midnight", "2024-01-01T12:00:00Z", "2024-01-02T00:00:00Z"),
        ("@weekly", "2024-01-01T00:00:00Z", "2024-01-07T00:00:00Z"),
        ("@monthly", "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        ("@yearly", "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("  0  3\t*  *  * ", "2024-01-01T03:00:00Z", "2024-01-02T03:00:00Z"),
        (
            "59 23 31 12 *",
            "2024-12-31T23:58:59.999Z",
            "2024-12-31T23:59:00Z",
        ),
        ("59 23 31 12 *", "2024-12-31T23:59:00Z", "2025-12-31T23:59:00Z"),
    ] {
        let next = super::calendar(text, "UTC").next_after(super::utc(after));
        assert_eq!(next, Some(super::utc(meant)), "{text} after {after}");
    }
}

#[test]
fn what_is_not_unix_cron_is_refused() {
    for text in [
        "",
        " ",
        "*",
        "* * * *",
        "* * * * * *",
        "0 0 0 1 1 * 2024",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 0 *",
        "* * * 13 *",
        "* * * * 8",
        "* * * * -1",
        "+5 * * * *",
        "* * * * funday",
        "* * * mon *",
        "jan * * * *",
        "5/15 * * * *",
        "*/0 * * * *",
        "*/ * * * *",
        "*/-1 * * * *",
        "5-1 * * * *",
        "* * * * 6-0",
        "1- * * * *",
        "-1 * * * *",
        "1,,2 * * * *",
        ", * * * *",
        "1-2-3 * * * *",
        "1/2/3 * * * *",
        "** * * * *",
        "* * ? * *",
        "* * L * *",
        "* * 15W * *",
        "* * * * MON#2",
        "* * * * 5L",
        "@reboot",
        "@often",
        "@daily @daily",
        "0x5 * * * *",
        "٣ * * * *",
        "999999999999 * * * *",
    ] {
        let fault = text.parse::<Cron>().expect_err(text);
        assert!(
            text.get(fault.at.clone()).is_some(),
            "{text:?}: {:?} is not inside",
            fault.at
        );
    }
}

#[test]
fn a_time_that_never_comes_ends() {
    for text in ["0 0 30 2 *", "0 0 31 4,6,9,11 *"] {
        assert_eq!(
            super::calendar(text, "Europe/Paris").next_after(super::utc("2024-01-01T00:00:00Z")),
            None,
            "{text}"
        );
    }
    let far = super::utc("+200000-01-01T00:00:00Z");
    assert_eq!(super::calendar("* * * * *", "Europe/Paris").next_after(far), None);
    assert_eq!(
        super::calendar("* * * * *", "Europe/Paris").next_after(chrono::DateTime::<chrono::Utc>::MAX_UTC),
        None
    );
    assert_eq!(
        super::calendar("* * * * *", "Asia/Tokyo").next_after(chrono::DateTime::<chrono::Utc>::MIN_UTC),
        None
    );
}

#[test]
fn a_cron_text_survives_the_journal() {
    let cron: Cron = "0 2 13 * FRI-SUN".parse().unwrap();
    let read: Cron = serde_json::from_str(&serde_json::to_string(&cron).unwrap()).unwrap();
    assert_eq!(read, cron);
    assert!(serde_json::from_str::<Cron>("\"0 0 2 * * FRI\"").is_err());
}
