//! Finds elements that a POM has twice: Maven rejects a POM that has two of an element of which there is
//! one. Elements that Maven does not know may occur twice.

/// The elements of which a part of a POM has one each.
const FIELDS: [(&str, &str); 9] = [
    (
        "project",
        "modelVersion parent groupId artifactId version packaging name description url inceptionYear organization \
         licenses developers contributors mailingLists prerequisites modules scm issueManagement ciManagement \
         distributionManagement properties dependencyManagement dependencies repositories pluginRepositories build \
         reports reporting profiles",
    ),
    ("parent", "groupId artifactId version relativePath"),
    ("dependencyManagement", "dependencies"),
    ("dependency", "groupId artifactId version type classifier scope systemPath exclusions optional"),
    ("exclusion", "groupId artifactId"),
    (
        "build",
        "sourceDirectory scriptSourceDirectory testSourceDirectory outputDirectory testOutputDirectory extensions \
         defaultGoal resources testResources directory finalName filters pluginManagement plugins",
    ),
    ("pluginManagement", "plugins"),
    ("plugin", "groupId artifactId version extensions executions dependencies inherited configuration"),
    (
        "profile",
        "id activation build modules distributionManagement properties dependencyManagement dependencies \
         repositories pluginRepositories reports reporting",
    ),
];
/// What is below these is not Maven's, and may be anything.
const FREE: [&str; 4] = ["configuration", "properties", "goals", "reports"];

/// The elements that were met directly in each open element.
#[derive(Default)]
pub struct Twice {
    open: Vec<Vec<&'static str>>,
    /// The first one that was met twice, and the element that it is in.
    pub found: Option<(&'static str, &'static str)>,
}

impl Twice {
    /// An element begins; the path ends with its name.
    pub fn start(&mut self, path: &[&str]) {
        let Some((name, above)) = path.split_last() else { return };
        self.open.truncate(above.len());
        if let (Some((parent, others)), Some(met)) = (above.split_last(), self.open.last_mut())
            && !above.iter().any(|name| FREE.contains(name))
            && (*parent != "project" || others.is_empty())
            && let Some((parent, fields)) = FIELDS.iter().find(|(known, _)| known == parent)
            && let Some(field) = fields.split_ascii_whitespace().find(|field| field == name)
        {
            if met.contains(&field) {
                self.found = self.found.or(Some((field, parent)));
            } else {
                met.push(field);
            }
        }
        self.open.push(Vec::new());
    }
}
