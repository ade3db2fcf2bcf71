//! How far an exploration goes. Within its bounds it is complete.

/// How often each thing may happen on one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Workers on one store.
    pub workers: u8,
    /// Products that the user is being onboarded for.
    pub products: u8,
    /// What people give, take back and ask for.
    pub edits: u8,
    /// What operators do: hold, resume, retry, cancel, erase.
    pub acts: u8,
    /// How often the provider asks for something.
    pub asks: u8,
    /// What the provider does unasked: it takes a verdict back, or loses the user.
    pub whims: u8,
    /// How often the terms of service are accepted.
    pub terms: u8,
    /// How often a wallet is given, or given with something newer.
    pub wallets: u8,
    /// Tasks that are let pass.
    pub waives: u8,
    /// How often a refused user is reopened.
    pub reopens: u8,
    /// How often a section goes astray. If it ever may, each registration is confirmed.
    pub strays: u8,
    /// Calls that go wrong, in any of the ways of [`crate::Fate`].
    pub faults: u8,
    /// Workers that are killed.
    pub crashes: u8,
    /// Leases that run out before their call is made, or while that is under way.
    pub leases: u8,
    /// Answers that come a second time, whenever they like.
    pub copies: u8,
}

impl Bounds {
    /// One worker and one product, and nothing goes wrong.
    pub(crate) const NOTHING: Self = Self {
        workers: 1,
        products: 1,
        edits: 0,
        acts: 0,
        asks: 0,
        whims: 0,
        terms: 0,
        wallets: 0,
        waives: 0,
        reopens: 0,
        strays: 0,
        faults: 0,
        crashes: 0,
        leases: 0,
        copies: 0,
    };

    /// Explored in seconds, by the tests. Each leaves room for another kind of trouble.
    pub const SMALL: [(&'static str, Self); 13] = [
        ("people", Self { edits: 2, acts: 1, asks: 2, ..Self::NOTHING }),
        ("operators", Self { edits: 1, acts: 2, asks: 2, ..Self::NOTHING }),
        ("faults", Self { edits: 1, asks: 1, faults: 1, crashes: 1, ..Self::NOTHING }),
        ("leases", Self { workers: 2, edits: 1, asks: 1, leases: 2, ..Self::NOTHING }),
        ("copies", Self { edits: 1, asks: 1, crashes: 1, copies: 2, ..Self::NOTHING }),
        ("losses", Self { workers: 2, edits: 1, whims: 1, leases: 1, ..Self::NOTHING }),
        ("whims", Self { edits: 1, asks: 1, whims: 1, faults: 1, ..Self::NOTHING }),
        ("products", Self { products: 2, edits: 1, asks: 2, ..Self::NOTHING }),
        ("terms", Self { terms: 2, edits: 1, whims: 1, faults: 1, ..Self::NOTHING }),
        ("wallets", Self { wallets: 2, acts: 1, whims: 1, faults: 1, ..Self::NOTHING }),
        ("waives", Self { waives: 2, edits: 1, asks: 2, faults: 1, ..Self::NOTHING }),
        ("reopens", Self { reopens: 2, edits: 1, whims: 1, faults: 1, ..Self::NOTHING }),
        ("strays", Self { strays: 3, edits: 1, acts: 1, whims: 1, faults: 1, ..Self::NOTHING }),
    ];

    /// Explored in minutes, for the record: the small ones wider, and several kinds together.
    pub const WIDE: [(&'static str, Self); 6] = [
        ("people-wide", Self { edits: 3, acts: 2, asks: 2, ..Self::NOTHING }),
        ("faults-wide", Self { edits: 1, asks: 2, faults: 3, crashes: 1, ..Self::NOTHING }),
        (
            "leases-wide",
            Self {
                workers: 2,
                edits: 1,
                asks: 1,
                faults: 1,
                crashes: 1,
                leases: 1,
                copies: 1,
                ..Self::NOTHING
            },
        ),
        ("whims-wide", Self { edits: 1, acts: 1, asks: 1, whims: 2, faults: 1, ..Self::NOTHING }),
        (
            "products-wide",
            Self { products: 2, edits: 1, acts: 1, asks: 2, faults: 1, ..Self::NOTHING },
        ),
        (
            "together",
            Self { workers: 2, edits: 1, asks: 1, whims: 1, faults: 1, leases: 1, ..Self::NOTHING },
        ),
    ];
}

impl std::fmt::Display for Bounds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "workers={} products={}", self.workers, self.products)?;
        for (name, most) in [
            ("edits", self.edits),
            ("acts", self.acts),
            ("asks", self.asks),
            ("whims", self.whims),
            ("terms", self.terms),
            ("wallets", self.wallets),
            ("waives", self.waives),
            ("reopens", self.reopens),
            ("strays", self.strays),
            ("faults", self.faults),
            ("crashes", self.crashes),
            ("leases", self.leases),
            ("copies", self.copies),
        ] {
            if most > 0 {
                write!(f, " {name}={most}")?;
            }
        }
        Ok(())
    }
}
