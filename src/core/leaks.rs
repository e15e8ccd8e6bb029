//! What is still alive in a registry, for the last line of a test.

use std::fmt::{self, Display, Formatter, Write};
use std::sync::atomic::Ordering;

use crate::error::{Result, Status};

use super::fallible::{Many, Text};
use super::owner::{APP, DATA_SOURCE};
use super::registry::Locked;
use super::snapshot;
use super::state::NONE;

/// A moment in milliseconds since 1970, written as ISO 8601 in UTC.
struct Utc(i64);

impl Display for Utc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0.div_euclid(86_400_000), self.0.rem_euclid(86_400_000));
        let (year, month, day) = date(days);
        let (seconds, milliseconds) = (of_day / 1000, of_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
    }
}

/// The date of a day counted from the first of January 1970, by the Gregorian calendar.
fn date(days: i64) -> (i64, i64, i64) {
    // Counted from the first of March of the year 0, a year's leap day is its last, and 400 years have the same days
    // again.
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

impl Locked {
    /// One line for each owner, each model that is registered or held, and each handle of a held snapshot; and how many
    /// lines.
    ///
    /// # Errors
    /// `ERROR_OUT_OF_MEMORY`.
    pub fn leak_report(&self) -> Result<(String, usize)> {
        let mut report = Report { text: Text::default(), lines: 0 };
        self.report_all(&mut report).map_err(|_| Status::ERROR_OUT_OF_MEMORY)?;
        Ok((report.text.0, report.lines))
    }

    fn report_all(&self, report: &mut Report) -> fmt::Result {
        for (index, record) in self.owners.iter().enumerate().filter(|(_, record)| record.live) {
            let kind = match record.kind {
                DATA_SOURCE => "data source",
                APP => "app",
                kind => self.kinds.get((kind - super::owner::FIRST_HOST_KIND) as usize).map_or("owner", |name| name),
            };
            let handle = self.registry.owner_handle(index as u32, record.uses);
            let label = self.partitions.label(record.label).map_err(|_| fmt::Error)?;
            let (name, since) = (&record.name, Utc(record.registered_at));
            report.line(format_args!("{kind} \"{name}\" of tenant \"{label}\", since {since}: {handle:#x}"))?;
        }
        for model in 0..self.models.len() as u32 {
            self.report_model(model, report)?;
        }
        let mut written = Ok(());
        snapshot::each_of(self.registry, |handle, held| {
            let (models, since) = (Many(held.len() as u64, "model"), Utc(held.made_at()));
            written = written.and_then(|()| match held.owner() {
                Some(owner) => {
                    report.line(format_args!("snapshot of {models} of \"{owner}\", since {since}: {handle:#x}"))
                }
                None => report.line(format_args!("snapshot of {models}, since {since}: {handle:#x}")),
            });
        });
        written
    }

    fn report_model(&self, model: u32, report: &mut Report) -> fmt::Result {
        let record = &self.models[model as usize];
        let registered = self.is_registered(model);
        // What a clear left behind has a reference of the registry's as well.
        let of_registry = self.registry.models.get(model).is_some_and(|slot| slot.load(Ordering::Relaxed) != 0);
        if !registered && record.holders() <= u32::from(of_registry) {
            return Ok(());
        }
        let handle = self.model_handle(model);
        let name = self.model_name(model).map_err(|_| fmt::Error)?;
        let since = Utc(record.registered_at);
        let held = match u64::from(self.extra(model).map_or(0, |extra| extra.holds)) {
            0 if registered => String::new(),
            0 => ", held by a snapshot".to_owned(),
            holds => format!(", held {}", Many(holds, "time")),
        };
        if !registered {
            return report.line(format_args!("model \"{name}\", not registered{held}, since {since}: {handle:#x}"));
        }
        let label =
            self.partitions.get(self.partition_of(model)).map(|partition| self.partitions.label(partition.label));
        let tenant = label.transpose().map_err(|_| fmt::Error)?.unwrap_or_default();
        let owner = record.owner();
        if owner == NONE {
            return report
                .line(format_args!("model \"{name}\" of tenant \"{tenant}\"{held}, since {since}: {handle:#x}"));
        }
        let owner = &self.owners[owner as usize].name;
        report.line(format_args!(
            "model \"{name}\" of \"{owner}\", tenant \"{tenant}\"{held}, since {since}: {handle:#x}"
        ))
    }
}

struct Report {
    text: Text,
    lines: usize,
}

impl Report {
    fn line(&mut self, line: fmt::Arguments<'_>) -> fmt::Result {
        self.lines += 1;
        self.text.write_fmt(line)?;
        self.text.write_str("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_calendar_has_them() {
        // date -u -d @951782400; the rest likewise.
        for (milliseconds, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_799_999, "2000-02-29T23:59:59.999Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Utc(milliseconds).to_string(), written);
        }
    }
}
